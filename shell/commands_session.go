package shell

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// sessionCommands are the commands of the session itself.
var sessionCommands = []*command.Command{
	{Pattern: completeWord + " <line>", Reach: command.Anywhere, Words: command.Verbatim, Group: command.GroupSession, Origin: command.Internal, Needs: command.NeedsAnything, Run: runComplete,
		Summary: "print what can follow in the line of another shell"},
	{Pattern: completeWord + " <line> <shell>", Reach: command.Anywhere, Words: command.Verbatim, Group: command.GroupSession, Origin: command.Internal, Needs: command.NeedsAnything, Run: runComplete,
		Summary: "the same, with the words as that shell wants them"},
	{Pattern: completeWord + " <line> <shell> <part>", Reach: command.Anywhere, Words: command.Verbatim, Group: command.GroupSession, Origin: command.Internal, Needs: command.NeedsAnything, Run: runComplete,
		Summary: "the same, for the end of the last word, which the shell replaces"},
	{Pattern: "completion <shell>", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Run: runCompletion,
		Summary: "print the script that completes smtpctl's commands in bash, zsh or fish",
		Help:    "For the current shell only: source <(smtpctl completion bash), the same with zsh, or\nsmtpctl completion fish | source."},
	{Pattern: "exit", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Live: true, Run: runExit,
		Summary: "leave the prompt or end the script"},
	{Pattern: "help", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Run: runHelp,
		Summary: "list the commands"},
	{Pattern: "help keys", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Run: runHelpKeys,
		Summary: "list the keys of the prompt"},
	{Pattern: "help options", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Run: runHelpOptions,
		Summary: "list the options"},
	{Pattern: "help terms", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Run: runHelpTerms,
		Summary: "explain how envelopes are selected"},
	{Pattern: "help <word...>", Reach: command.Anywhere, Inner: allWords, Group: command.GroupSession, Origin: command.Own, Run: runHelp,
		Summary: "show help for the commands that begin with these words"},
	onCommand,
	{Pattern: "quit", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Run: runExit,
		Summary: "leave the prompt or end the script"},
	{Pattern: "undo", Reach: command.Anywhere, Ready: command.ReadyIfChanged, Group: command.GroupSession, Origin: command.Own, Effect: command.ChangesEnvelopes, Run: runUndo,
		Summary: "undo the last pause, resume or removal of this session",
		Help:    undoHelp},
	{Pattern: "source <file>", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Live: true, Needs: command.NeedsAnything, Sources: true, Run: runSource,
		Summary: "run the commands in a file"},
}

// sessionKinds are the kinds of arguments of these commands.
var sessionKinds = []*grammar.Kind{
	{Name: "file", Doc: "name of a file", Path: true, Parse: command.ParseText("the name of a file", 4095)},
	{Name: "word", Doc: "words of a command", Parse: command.ParseNonEmpty("words of a command")},
	{Name: "line", Doc: "what has been typed", Parse: command.ParseAny},
	{Name: "part", Doc: "the end of what has been typed", Parse: command.ParseAny},
	{Name: "shell", Doc: "bash, zsh or fish", Parse: parseShell, Words: shellWords},
}

// allWords is the Inner of commands whose arguments are the words of another command.
func allWords(words []string) []string { return words }
