package shell

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// sessionCommands are the commands of the session itself.
var sessionCommands = []*command.Command{
	{Pattern: completeWord + " <line>", Words: command.Verbatim, Group: command.GroupSession, Origin: command.Internal, Needs: command.NeedsAnything, Run: runComplete,
		Summary: "print what can follow in the line of another shell"},
	{Pattern: completeWord + " <line> <shell>", Words: command.Verbatim, Group: command.GroupSession, Origin: command.Internal, Needs: command.NeedsAnything, Run: runComplete,
		Summary: "the same, with the words as that shell wants them"},
	{Pattern: completeWord + " <line> <shell> <part>", Words: command.Verbatim, Group: command.GroupSession, Origin: command.Internal, Needs: command.NeedsAnything, Run: runComplete,
		Summary: "the same, for the end of the last word, which the shell replaces"},
	{Pattern: "completion <shell>", Group: command.GroupSession, Origin: command.Own, Run: runCompletion,
		Summary: "print the script that completes smtpctl's commands in bash, zsh or fish",
		Help:    "For this session: source <(smtpctl completion bash), the same with zsh, or\nsmtpctl completion fish | source."},
	{Pattern: "exit", Group: command.GroupSession, Origin: command.Own, Live: true, Run: runExit,
		Summary: "leave the prompt or end the script"},
	{Pattern: "help", Group: command.GroupSession, Origin: command.Own, Run: runHelp,
		Summary: "list the commands"},
	{Pattern: "help keys", Group: command.GroupSession, Origin: command.Own, Run: runHelpKeys,
		Summary: "list the keys of the prompt"},
	{Pattern: "help options", Group: command.GroupSession, Origin: command.Own, Run: runHelpOptions,
		Summary: "list the options"},
	{Pattern: "help terms", Group: command.GroupSession, Origin: command.Own, Run: runHelpTerms,
		Summary: "explain how envelopes are selected"},
	{Pattern: "help <word...>", Inner: allWords, Group: command.GroupSession, Origin: command.Own, Run: runHelp,
		Summary: "show help for the commands that begin with these words"},
	{Pattern: "quit", Group: command.GroupSession, Origin: command.Own, Run: runExit,
		Summary: "leave the prompt or end the script"},
	{Pattern: "undo", Group: command.GroupSession, Origin: command.Own, Effect: command.ChangesEnvelopes, Run: runUndo,
		Summary: "take back the last pause, resume or removal of this session",
		Help:    undoHelp},
	{Pattern: "source <file>", Group: command.GroupSession, Origin: command.Own, Live: true, Needs: command.NeedsAnything, Sources: true, Run: runSource,
		Summary: "run the commands in a file"},
}

// sessionKinds are the kinds of arguments of these commands.
var sessionKinds = []*grammar.Kind{
	{Name: "file", Doc: "name of a file", Path: true, Parse: command.ParseText("the name of a file", 4095)},
	{Name: "word", Doc: "words of a command", Parse: command.ParseNonEmpty("words of a command")},
	{Name: "line", Doc: "what has been typed", Parse: command.ParseAny},
	{Name: "part", Doc: "the end of what has been typed", Parse: command.ParseAny},
	{Name: "shell", Doc: "bash, zsh or fish", Parse: parseShell, Words: shellWords()},
}

// allWords is for commands whose words are those of another.
func allWords(words []string) []string { return words }
