package shell

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"text/tabwriter"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// printError prints an error with advice and returns its status. No other place prints
// errors.
func printError(w io.Writer, style render.Style, err error) int {
	if err == nil {
		return command.StatusOK
	}
	var done *command.ReportedError
	if errors.As(err, &done) {
		return command.Status(err)
	}
	if sig, ok := err.(*command.SignalError); ok {
		if key := sig.Sig == syscall.SIGINT || sig.Sig == syscall.SIGQUIT; key && command.IsTerminal(w) {
			fmt.Fprintln(w) // the key is shown, perhaps in a line that is drawn again and again
		}
		return command.StatusSignal + int(sig.Sig) // nothing to say but that it ended
	}
	if command.HadEnough(err) {
		return command.Status(err)
	}
	var placed *command.PlacedError
	text := render.Bound(render.Safe(err.Error())+command.Advice(err), render.MaxMessage)
	if !errors.As(err, &placed) {
		text = style.Error("smtpctl:") + " " + text
	}
	fmt.Fprintln(w, text)
	printHints(w, err)
	return command.Status(err)
}

// printHints prints what the user may have meant.
func printHints(w io.Writer, err error) {
	var (
		ambiguous  *grammar.AmbiguousError
		unknown    *grammar.UnknownError
		incomplete *grammar.IncompleteError
		ids        *queue.AmbiguousIDError
	)
	switch {
	case errors.As(err, &ambiguous):
		fmt.Fprintln(w, "ambiguous; candidates:")
		printCandidates(w, ambiguous.Path, ambiguous.Candidates)
	case errors.As(err, &incomplete):
		fmt.Fprintln(w, "expected one of:")
		printCandidates(w, incomplete.Path, incomplete.Candidates)
	case errors.As(err, &unknown) && len(unknown.Nearest) > 0:
		fmt.Fprintln(w, "did you mean:")
		printCandidates(w, unknown.Path, unknown.Nearest)
	case errors.As(err, &unknown) && len(unknown.All) > 0 && len(unknown.Path) > 0:
		fmt.Fprintln(w, "expected one of:")
		printCandidates(w, unknown.Path, unknown.All)
	case errors.As(err, &unknown) && len(unknown.All) > 0:
		fmt.Fprintln(w, `"help" lists the commands`)
	case errors.As(err, &ids):
		fmt.Fprintln(w, "ambiguous; candidates:")
		for _, c := range ids.Candidates {
			fmt.Fprintln(w, "  "+render.Safe(c))
		}
		if ids.More {
			fmt.Fprintln(w, "  and more")
		}
	}
}

// printCandidates prints words that can follow path, with their summaries.
func printCandidates(w io.Writer, path []string, cs []grammar.Candidate) {
	head := ""
	if len(path) > 0 {
		head = strings.Join(path, " ") + " "
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range cs {
		fmt.Fprintf(tw, "  %s\t%s\n", render.Bound(head+c.Word, command.ArgBytes), c.Summary)
	}
	tw.Flush()
}

// partlyDone marks an error if commands have been carried out since before.
func (s *Session) partlyDone(err error, before int) error {
	var usage *command.UsageError
	if s.carriedOut == before || !errors.As(err, &usage) {
		return err
	}
	return &command.PartlyDoneError{Err: err}
}
