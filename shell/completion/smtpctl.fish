# Completion of smtpctl in fish: it asks the program what can come next.
function __smtpctl_complete
    set -l words (commandline -opc)
    $words[1] __complete (commandline -cp | string collect) fish 2>/dev/null
end
complete -c smtpctl -f -k -a '(__smtpctl_complete)'
