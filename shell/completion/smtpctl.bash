# Completion of smtpctl in bash: it asks the program what can come next.
_smtpctl() {
	local line=${COMP_LINE:0:COMP_POINT} part=${2-} item rest
	# What bash replaces is the end of the word: what follows an @, a = or a : of
	# COMP_WORDBREAKS, or the quote that is open.
	[[ $line == *"$part" ]] || return
	COMPREPLY=()
	local others=()
	while IFS=$'\t' read -r item rest; do
		if [[ $item == "$part"* ]]; then
			COMPREPLY+=("$item")
		else
			others+=("$item")
		fi
	done < <("$1" __complete "$line" bash "$part" 2>/dev/null)
	# What only holds the letters typed: an id found by an address, for example.
	if ((${#COMPREPLY[@]} == 0)); then
		if ((${#others[@]} == 1)); then
			COMPREPLY=("${others[0]}")
		elif ((${#others[@]} > 1)); then
			# A blank among them keeps bash from replacing the word.
			COMPREPLY=("${others[@]}" " ")
		fi
	fi
	if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=/] ]]; then
		compopt -o nospace 2>/dev/null
	fi
}
complete -o nosort -F _smtpctl smtpctl 2>/dev/null || complete -F _smtpctl smtpctl
