package protocol

import "strconv"

// Type says what a frame requests or answers: enum imsg_type of OpenSMTPD's smtpd.h,
// which is the same from 6.0 to 7.9.
type Type uint32

// The types of the control protocol. SMTPSession was added in 6.4 and is used by
// sendmail(8) only.
const (
	TypeOK Type = iota + 1
	TypeFail
	TypeGetDigest
	TypeGetStats
	TypeListMessages
	TypeListEnvelopes
	TypeShowHosts
	TypeShowRelays
	TypeShowRoutes
	TypeShowHostStats
	TypeBlock
	TypeUnblock
	TypeShowBlock
	TypePauseEnvelope
	TypePauseMDA
	TypePauseMTA
	TypePauseSMTP
	typeInternal
	TypeProfileDisable
	TypeProfileEnable
	TypeResumeEnvelope
	TypeResumeMDA
	TypeResumeMTA
	TypeResumeSMTP
	TypeResumeRoute
	TypeRemove
	TypeSchedule
	TypeShowStatus
	TypeTraceDisable
	TypeTraceEnable
	TypeUpdateTable
	TypeVerbose
	TypeDiscoverEnvelope
	TypeDiscoverMessage
	TypeSMTPSession
)

var typeNames = [...]string{
	"NONE", "OK", "FAIL", "GET_DIGEST", "GET_STATS", "LIST_MESSAGES", "LIST_ENVELOPES",
	"MTA_SHOW_HOSTS", "MTA_SHOW_RELAYS", "MTA_SHOW_ROUTES", "MTA_SHOW_HOSTSTATS",
	"MTA_BLOCK", "MTA_UNBLOCK", "MTA_SHOW_BLOCK", "PAUSE_EVP", "PAUSE_MDA", "PAUSE_MTA",
	"PAUSE_SMTP", "type 18", "PROFILE_DISABLE", "PROFILE_ENABLE", "RESUME_EVP", "RESUME_MDA",
	"RESUME_MTA", "RESUME_SMTP", "RESUME_ROUTE", "REMOVE", "SCHEDULE", "SHOW_STATUS",
	"TRACE_DISABLE", "TRACE_ENABLE", "UPDATE_TABLE", "VERBOSE", "DISCOVER_EVPID",
	"DISCOVER_MSGID", "SMTP_SESSION",
}

// String returns smtpd's name for the type.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type " + strconv.FormatUint(uint64(t), 10)
}

// streamed reports whether the answer to t is a series of frames that ends with an
// empty one, instead of a single frame.
func (t Type) streamed() bool {
	switch t {
	case TypeListEnvelopes, TypeShowHosts, TypeShowRelays, TypeShowRoutes, TypeShowHostStats, TypeShowBlock:
		return true
	}
	return false
}

// acknowledged reports whether t is answered by OK or FAIL instead of a frame of its
// own type.
func (t Type) acknowledged() bool {
	switch t {
	case TypeGetDigest, TypeGetStats, TypeListMessages, TypeShowStatus, TypeDiscoverEnvelope, TypeDiscoverMessage:
		return false
	}
	return !t.streamed()
}
