package shell

import (
	"smtpctl/completer/grammar"
)

// sessionCommands are the commands of the session itself.
var sessionCommands = []*Command{
	{Pattern: completeWord + " <line>", Group: groupSession, Origin: Internal, Needs: NeedsAnything, Run: runComplete,
		Summary: "print what can follow in the line of another shell"},
	{Pattern: completeWord + " <line> <shell>", Group: groupSession, Origin: Internal, Needs: NeedsAnything, Run: runComplete,
		Summary: "the same, with the words as that shell wants them"},
	{Pattern: completeWord + " <line> <shell> <part>", Group: groupSession, Origin: Internal, Needs: NeedsAnything, Run: runComplete,
		Summary: "the same, for the end of the last word, which the shell replaces"},
	{Pattern: "completion <shell>", Group: groupSession, Origin: Own, Run: runCompletion,
		Summary: "print the script that completes smtpctl's commands in bash, zsh or fish",
		Help:    "For this session: source <(smtpctl completion bash), the same with zsh, or\nsmtpctl completion fish | source."},
	{Pattern: "exit", Group: groupSession, Origin: Own, Live: true, Run: runExit,
		Summary: "leave the prompt or end the script"},
	{Pattern: "help", Group: groupSession, Origin: Own, Run: runHelp,
		Summary: "list the commands"},
	{Pattern: "help <word...>", Group: groupSession, Origin: Own, Run: runHelp,
		Summary: "show help for the commands that begin with these words"},
	{Pattern: "quit", Group: groupSession, Origin: Own, Run: runExit,
		Summary: "leave the prompt or end the script"},
	{Pattern: "source <file>", Group: groupSession, Origin: Own, Live: true, Needs: NeedsAnything, Run: runSource,
		Summary: "run the commands in a file"},
}

// sessionKinds are the kinds of arguments of these commands.
var sessionKinds = []*grammar.Kind{
	{Name: "file", Doc: "name of a file", Parse: parseText("the name of a file", 4095)},
	{Name: "word", Doc: "words of a command", Parse: parseNonEmpty("words of a command")},
	{Name: "line", Doc: "what has been typed", Parse: parseAny},
	{Name: "part", Doc: "the end of what has been typed", Parse: parseAny},
	{Name: "shell", Doc: "bash, zsh or fish", Parse: parseShell, Words: shellWords()},
}
