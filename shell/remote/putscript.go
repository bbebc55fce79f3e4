package remote

// putScript puts folders of files into smtpd's spool folder for its standard input, with what
// POSIX has, and with sync(1). Its second line is the path of the spool folder. All words of a
// request have been checked. A request is
//
//	m N NAME...   a folder of N files in incoming, which gets the first of the names that is
//	              free; for each file follow a line with its name and its size, and its bytes
//	e             all folders since the last k are written to the disk
//	k             and are kept there
//	c NAME...     renames folders in incoming to queue/XX/NAME, up to the first that fails
//	d NAME...     deletes folders in incoming
//	r NAME ID...  has files of the folder NAME, made since the last k, replace those of envelopes
//	              in queue/XX/MMMMMMMM, in order, up to the first that fails; then the folders since
//	              the last k are deleted
//	u MMMMMMMM ID...  deletes the files of envelopes of a message, and the message with its last one
//
// The answer to each folder of m and c, each envelope of r, and each request, is a text and the
// token with a letter, which is a dot unless something failed. After a failure of m or e the folders since
// the last k are deleted, and nothing more is carried out; so they are where the input ends in
// between. After k they stay, whatever happens: that they are in incoming proves that they have
// never been in the queue.
//
// The folder incoming belongs to the user of smtpd's queue process, who must not be able to make
// root write elsewhere. So files are created and given away from within a folder that has just
// been made, that nobody but its maker can write to, and whose path has no symbolic link; it is
// given away last.
const putScript = `PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin; LC_ALL=C; export PATH LC_ALL
IFS= read -r T
IFS= read -r S
set -f
set -C
umask 077
unset CDPATH
trap "" HUP PIPE
exec 2>/dev/null
say() { printf "%s\n" "$2"; echo "$T $1"; }
end() { say "$1" "$2"; cat >/dev/null; exit; }
into() { if cd -P "$1"; then :; elif [ -d "$1" ]; then end d "$1"; elif [ -e "$1" ]; then end n "$1"; else end e "$1"; fi; }
into "$S/queue"; Q=$PWD
set -- $(ls -nd .); O=$3:$4
case $3$4 in *[!0-9]*|"") end o;; esac
into "$S/incoming"; I=$PWD
[ -O . ]; [ $? -le 1 ] || end o
X=$(df -P "$I" "$Q" | { read -r x; read -r x; read -r y; [ -z "$y" ] || [ "${x##* }" = "${y##* }" ] || echo x; })
[ -z "$X" ] || end x
Y=n; if command -v sync >/dev/null; then if sync "$I/.none" </dev/null; then Y=a; else Y=f; fi; fi
B=
say . $Y
lose() { cd "$I" && [ -n "$B" ] && rm -rf $B; exit 0; }
bad() { cd "$I" && [ -n "$B" ] && rm -rf $B; B=; end f "$1"; }
take() { E=$({ : >"$1"; } 2>&1) || bad "$E"
r=$2
while [ $r -gt 0 ]; do
[ $r = $2 ] || echo .
b=$r; [ $b -le 65536 ] || b=65536
E=$(dd bs=$b count=1 2>&1 >>"$1") || bad "$E"
case $E in
"1+0 "*) r=$((r-b));;
"0+1 "*) b=$(wc -c <"$1"); r=$(($2-$b));;
*) lose;;
esac; done; }
make() { for d do k=0; t=$Q/${d%??????}/$d
while [ $k -lt 3 ]; do k=$((k+1))
if [ -e "$t" ] || [ -h "$t" ]; then continue 2; fi
if E=$(mkdir "$I/$d" 2>&1); then B="$B $d"
if cd -P "$I/$d" && [ "$PWD" = "$I/$d" ] && [ -O . ]; then return; fi
elif [ -e "$I/$d" ] || [ -h "$I/$d" ]; then continue 2; fi
[ -d "$I" ] || sleep 1
done; bad "$E"; done; bad "no free message id was found"; }
put() { n=$1; shift; make "$@"
while [ $n -gt 0 ]; do n=$((n-1))
read -r f z || lose
case $f in +*) f=$d${f#+};; esac
take "$f" "$z"; done
E=$(chown -R -h $O . 2>&1 </dev/null) || bad "$E"
cd "$I"; say . "$d"; }
flush() { case $Y in f) E=$(find $B -exec sync {} + 2>&1 </dev/null) && [ -z "$E" ];; a) E=$(sync 2>&1 </dev/null);; esac || bad "$E"; }
move() { q=${d%??????}; cd "$Q" || return; E=
[ -d $q ] || E=$(mkdir $q 2>&1) && case " $V " in *" . "*) ;; *) V="$V .";; esac
cd -P $q || return
E="$PWD: expected no symbolic link"; [ "$PWD" = "$Q/$q" ] || return
[ -O . ] && { E=$(chown $O . 2>&1) || return; }
E="$d: File exists"; if [ -e $d ] || [ -h $d ]; then return 1; fi
E=$(mv "$I/$d" ./$d 2>&1 </dev/null) || return
if [ -e $d/$d ]; then mv $d/$d "$I/$d" </dev/null; E="$d: File exists"; return 1; fi
case " $V " in *" $q "*) ;; *) V="$V $q";; esac; }
other() { X=$(df -P "$I" . | { read -r x; read -r x; read -r y; [ -z "$y" ] || [ "${x##* }" = "${y##* }" ] || echo x; }); [ -n "$X" ]; }
within() { m=$1; q=${m%??????}; E="$q/$m: No such file or directory"; cd -P "$Q/$q/$m" || return
E="$q/$m: expected no symbolic link"; [ "$PWD" = "$Q/$q/$m" ]; }
swap() { case $V in */${i%????????}) ;; *) within ${i%????????} || return
E="$q/$m: Invalid cross-device link"; if other; then return 1; fi
V="$V $q/$m";; esac
E="$i: No such file or directory"; [ -e $i ] || [ -h $i ] || return
E="$i: it is no regular file"; if [ -h $i ] || [ ! -f $i ]; then return 1; fi
E=$(mv -f "$I/$t/$i" . 2>&1 </dev/null); }
strike() { q=${1%??????}; if [ ! -e "$Q/$q/$1" ] && [ ! -h "$Q/$q/$1" ]; then return; fi
within $1 || return; shift
E=$(rm -f "$@" 2>&1 </dev/null) || return
case $Y in f) E=$(sync . 2>&1 </dev/null);; a) E=$(sync 2>&1 </dev/null);; esac || return
set +f; set -- $m????????; set -f
if [ -e "$1" ] || [ -h "$1" ]; then return 0; fi
E=$(rm -f message 2>&1 </dev/null) || return
cd "$Q/$q" && rmdir $m </dev/null; return 0; }
while read -r o a; do
case $o in
m) put $a;;
e) cd "$I"; flush; say .;;
k) B=; say .;;
c) V=; for d in $a; do if move; then say .; else say f "$E"; break; fi; done
cd "$Q"; case $Y in f) E=$(sync $V "$I" 2>&1 </dev/null);; a) E=$(sync 2>&1 </dev/null);; esac && say . || say f "$E"
cd "$I";;
d) if cd "$I" && E=$(rm -rf $a 2>&1 </dev/null); then say .; else say f "$E"; fi;;
r) V=; t=${a%% *}; for i in ${a#* }; do if swap; then say .; else say f "$E"; break; fi; done
cd "$Q"; L=.; case $Y in f) E=$(sync . $V 2>&1 </dev/null);; a) E=$(sync 2>&1 </dev/null);; esac || L=f
cd "$I" && rm -rf $B; B=; say $L "$E";;
u) if strike $a; then say .; else say f "$E"; fi; cd "$I";;
esac; done
lose
`
