package remote

// startFiles is the command that carries out a script of several lines, up to one that is a
// dot, and goes on with the same standard input. It has no character that any login shell
// takes for something else within quotes.
const startFiles = `sh -c 'eval "$(while IFS= read -r l; do case $l in .) break;; esac; printf "%s\\n" "$l"; done)"'`

// filesScript reads files for its standard input, a request on each line, with what POSIX
// has and stat(1). It writes nothing there. All words of a request have been checked: paths
// have no blank and no character that means something to a shell. What it prints for a part
// of a request ends with the token, which is its first line and nobody else knows, and a
// letter:
//
//	n ROOT REL...        the names in folders; "." is ROOT itself
//	r MOST ROOT REL...   what the files are, then the first MOST bytes of each
//	o FROM ROOT REL      what the file is, then its bytes from the FROM-th on
//	s FLAG PATH...       what the files are, then a letter for each; FLAG is - or -L
//	z LAST PATH          a log, of which LAST bytes at the end are wanted, compressed
//	j LAST               the journal of systemd
//
// With - as ROOT, paths are whole and links are followed. Beneath a ROOT no link is followed:
// what was opened is compared with what has the name, where the system has /dev/stdin for it.
const filesScript = `PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin; LC_ALL=C; export PATH LC_ALL
IFS= read -r T
set -f
exec 2>/dev/null
if stat -c %s / </dev/null >/dev/null; then S=-c; F="%f %u %s %Y %Z %n"
elif stat -f %z / </dev/null >/dev/null; then S=-f; F="%Xp %u %z %m %c %N"
else echo "$T x"; exit; fi
st() { f=$1; shift; case $f in -) f=;; esac; stat $f $S "$F" "$@" </dev/null; echo "$T ."; }
E=0; { [ / -ef /dev/stdin ] && E=1; } </
G=0; command -v gzip >/dev/null && G=1
why() { C=e; Q=; W=${P#/}
while :; do case $W in */*) Q=$Q/${W%%/*}; W=${W#*/};; *) return;; esac
if [ -d "$Q" ]; then [ -x "$Q" ] || { C=d; return; }
else [ -e "$Q" ] && C=n; return; fi; done; }
place() { C=.; H=1; case $1 in -) H=0; P=$2; return;; esac
P=$1; R=$2
while :; do case $R in */*) P=$P/${R%%/*}; R=${R#*/};; *) P=$P/$R; return;; esac
if [ -h "$P" ]; then C=l; return; fi
if [ -d "$P" ]; then :; elif [ -e "$P" ]; then C=l; return; fi; done; }
kind() { if [ $H = 1 ] && [ -h "$P" ]; then C=L; elif [ -f "$P" ]; then C=R; elif [ -d "$P" ]; then C=D
elif [ -p "$P" ]; then C=P; elif [ -S "$P" ]; then C=S; elif [ -b "$P" ] || [ -c "$P" ]; then C=V
elif [ -e "$P" ]; then C=U; else why; fi; }
names() { place "$1" "$2"; case $C in .) kind;; esac
case $C in D) ;; *) return;; esac
C=d; [ -r "$P" ] && [ -x "$P" ] || return
set +f; set -- "$P"/* "$P"/.[!.]* "$P"/..?*; set -f
if printf "%s\n" "$@"; then C=.; else C=f; fi; }
give() { I=0; w=$3
while [ $I -lt 3 ]; do I=$((I+1)); place "$1" "$2"; case $C in .) kind;; esac
case $C in R) ;; *) return;; esac
C=d; [ -r "$P" ] || return
C=c; { if [ $H = 1 ] && [ -h "$P" ]; then C=L; elif [ $H$E = 11 ] && ! [ "$P" -ef /dev/stdin ]; then C=c; elif $w; then C=.; else C=f; fi; } <"$P"
case $C in c) ;; *) return;; esac; done; }
last() { case $N in 0) cat;; *) tail -c $N;; esac; }
packed() { last | gzip -1 -c; }
while IFS= read -r line; do set -- $line; o=$1; N=$2
case $o in
n) r=$2; shift 2; for x do names "$r" "$x"; echo "$T $C"; done;;
s) shift 2; st $N "$@"; for P do if [ -e "$P" ] || [ -h "$P" ]; then C=.; else why; fi; echo "$T $C"; done;;
r|o) r=$3; shift 3; a=; case $r in -) st -L "$@";; *) for x do a="$a $r/$x"; done; st - $a;; esac
case $o$N in r*) w="dd bs=$N count=1";; o0) w=cat;; *) w="tail -c +$((N+1))";; esac
for x do give "$r" "$x" "$w"; echo "$T $C"; done;;
z) st -L "$3"; w=last; case $G$3 in 0*|*.gz|*.bz2|*.xz|*.zst) ;; *) w=packed;; esac
give - "$3" $w; echo "$T $C";;
j) C=e; for p in /usr/bin/journalctl /bin/journalctl; do if [ -f $p ] && [ $C = e ]; then
a=; case $N in 0) ;; *) a=--lines=$N;; esac
if $p --no-pager --quiet --output=short-iso --identifier=smtpd $a </dev/null; then C=.; else C=f; fi; fi; done; echo "$T $C";;
esac; done
`
