package disk

import (
	"context"
	"fmt"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// Reasons that lie in smtpd.conf, or that are not known.
const (
	NoDispatcher spool.Reason = "dispatcher"
	Compression  spool.Reason = "compression"
	Encryption   spool.Reason = "encryption"
	Unreadable   spool.Reason = "unreadable" // it cannot be looked into here
	Unknown      spool.Reason = "unknown"    // nothing is wrong with it that can be seen
)

// Reasons are all reasons why an envelope file may not be listed.
var Reasons = []spool.Reason{spool.Access, Compression, spool.Cut, spool.Damaged, NoDispatcher, spool.Empty, Encryption, spool.Field, spool.NoFile, Unknown, Unreadable, spool.Version}

// TroubleWith returns why smtpd refuses an envelope file, or "" if no reason can be
// found. The error says that the file could not be checked.
func TroubleWith(ctx context.Context, c *command.Call, id protocol.EnvelopeID, conf *ConfFacts) (cause string, checked spool.Checked, err error) {
	checked, err = OpenSpool(ctx, c).Check(id)
	_, cause, err = troubleWith(checked, err, conf)
	return cause, checked, err
}

// TroubleIn is TroubleWith for an open spool.
func TroubleIn(files *spool.Spool, id protocol.EnvelopeID, conf *ConfFacts) (cause string, err error) {
	checked, err := files.Check(id)
	_, cause, err = troubleWith(checked, err, conf)
	return cause, err
}

// ReasonOf returns the reason why smtpd does not list an envelope file, and its
// description. A file that cannot be checked here has the reason Unreadable.
func ReasonOf(files *spool.Spool, id protocol.EnvelopeID, conf *ConfFacts) (spool.Reason, string) {
	checked, err := files.Check(id)
	reason, cause, err := troubleWith(checked, err, conf)
	switch {
	case err != nil:
		return Unreadable, "its file could not be checked: " + command.FileError(err).Error()
	case reason == "":
		return Unknown, "nothing is wrong with its file: put there by hand, or being removed while in flight"
	}
	return reason, cause
}

// TroubleWithCopy is TroubleWith for a copy of an envelope file, whose owner is
// irrelevant.
func TroubleWithCopy(files *spool.Spool, id protocol.EnvelopeID, conf *ConfFacts) (cause string, err error) {
	checked, err := files.CheckContent(id)
	_, cause, err = troubleWith(checked, err, conf)
	return cause, err
}

// troubleWith describes the result of checking an envelope file.
func troubleWith(checked spool.Checked, err error, conf *ConfFacts) (reason spool.Reason, cause string, _ error) {
	if reason, cause, refused := spool.RefusedFor(err); refused {
		return reason, cause, nil
	}
	if err != nil {
		return "", "", err
	}
	_, known := conf.Actions[checked.Dispatcher]
	switch {
	case !conf.Read:
	case !known && !conf.Unsure && checked.Dispatcher == "":
		return NoDispatcher, "it names no dispatcher", nil
	case !known && !conf.Unsure:
		return NoDispatcher, fmt.Sprintf("it names the dispatcher %q, but %s has no action of that name", checked.Dispatcher, conf.Path), nil
	case checked.Compressed && !conf.Compressed:
		return Compression, fmt.Sprintf("its file is compressed, but %s has no queue compression", conf.Path), nil
	case !checked.Compressed && conf.Compressed:
		return Compression, fmt.Sprintf("its file is not compressed, but %s has queue compression", conf.Path), nil
	case checked.Encrypted && !conf.Encrypted:
		return Encryption, fmt.Sprintf("its file is encrypted, but %s has no queue encryption", conf.Path), nil
	case !checked.Encrypted && conf.Encrypted:
		return Encryption, fmt.Sprintf("its file is not encrypted, but %s has queue encryption", conf.Path), nil
	}
	return "", "", nil
}
