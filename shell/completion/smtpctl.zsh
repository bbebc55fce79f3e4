#compdef smtpctl
# Completion of smtpctl in zsh: it asks the program what can come next.
_smtpctl() {
	# What zsh replaces is the word without the quote that is open, which it closes.
	local line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" item rest
	local -a open open_shown whole whole_shown
	while IFS=$'\t' read -r item rest; do
		if [[ $item == *[=/] ]]; then
			open+=("$item")
			open_shown+=("$item${rest:+  -- $rest}")
		else
			whole+=("$item")
			whole_shown+=("$item${rest:+  -- $rest}")
		fi
	done < <("$words[1]" __complete "$line" zsh "$PREFIX" 2>/dev/null)
	local found=1
	(( $#whole )) && compadd -U -Q -l -V smtpctl -d whole_shown -- "$whole[@]" && found=0
	(( $#open )) && compadd -U -Q -l -S '' -V smtpctl-open -d open_shown -- "$open[@]" && found=0
	return found
}
if [[ $funcstack[1] == _smtpctl ]]; then
	_smtpctl "$@"
elif (( $+functions[compdef] )); then
	compdef _smtpctl smtpctl
fi
