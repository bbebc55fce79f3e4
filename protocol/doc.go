// Package protocol is a client for the control socket of OpenSMTPD's smtpd(8).
//
// OpenSMTPD does not document this protocol. What follows was read in the
// sources of OpenSMTPD 6.0 to 7.9 and tried on running daemons of releases
// 6.8.0p2, 7.4.0p1, 7.6.0p1 and 7.9.0p0. Package conformance holds the checks
// that those four daemons and the simulation in package smtpdsim pass.
//
// # Dangers
//
// Some requests that look harmless damage the daemon or its queue. A client
// that does not use this package must avoid them by itself:
//
//   - SCHEDULE of a suspended envelope. The envelope is queued for delivery at
//     once and stays suspended; RESUME_EVP then queues it a second time and
//     smtpd exits (seen on 6.8.0p2 and 7.9.0p0).
//   - SCHEDULE of an envelope that is due already. The scheduler enters it into
//     its list twice. 6.8.0p2 crashed; 7.9.0p0 dropped envelopes from every
//     listing until it was restarted.
//   - RESUME_ROUTE of all routes, by the id 0. smtpd frees a disabled route that
//     nothing else refers to, walks on from it, and dies (seen on 7.9.0p0). One
//     by one they are enabled safely.
//   - PAUSE_EVP or RESUME_EVP by message id while envelopes of that message
//     expire or have been removed. Unlike a listing, such a request reaches them
//     and breaks the scheduler's lists.
//   - REMOVE, SCHEDULE, PAUSE_EVP or RESUME_EVP with an envelope id whose upper
//     32 bits are zero. smtpd takes any number up to 0xffffffff for a message id
//     and acts on all envelopes of that message.
//   - Frames of a wrong size. Before 7.8.0p0 a malformed frame can end smtpd
//     (CVE-2025-62875).
//   - Reading slowly. smtpd buffers without bound what a client does not read,
//     and its queue process serves listings and deliveries from one loop. Bound
//     the number of requests in flight.
//
// # Transport
//
// smtpd listens on a Unix stream socket, /var/run/smtpd.sock with mode 0666, and
// looks at the effective user id of its peer: every request described here wants
// root. smtpd serves at most 32 connections of one user and closes any further
// connection at once. A connection may stay open for as long as the client likes.
//
// # Frames
//
// Both directions carry imsg frames: a header of 16 bytes and a payload, at most
// 16384 bytes together. All numbers are in the byte order of the machine, and
// every structure has the layout that its C compiler gives it; [Layout] describes
// that.
//
//	offset  size  field
//	0       u32   type
//	4       u16   length, header included
//	6       u16   flags: 1 if the frame carries a file descriptor; a client sends 0
//	8       u32   peerid: 16 in a request, the IMSG_VERSION of 6.0 to 7.9
//	12      u32   process id of the sender
//
// Since 7.7 the bytes 4 to 7 are one 32-bit length whose top bit marks a file
// descriptor. On a little-endian machine both forms are the same bytes for every
// frame used here.
//
// # Requests and answers
//
// There are no request ids. Requests may be pipelined, and an answer belongs to
// the oldest request of its kind that is still open. Answers of one kind keep
// their order; answers of different kinds may overtake each other, because
// different processes of smtpd give them. All actions share the answers OK and
// FAIL, hence two different actions must never be in flight together. smtpd does
// not answer a request of an unknown type at all: set a deadline for every
// answer.
//
// FAIL with a peerid other than 0 and 16 means that the versions differ; the
// peerid is the version of the daemon ([VersionError]). Any other FAIL has no
// payload: "not root", "paused already" and "no such envelope" look the same.
//
//	request                             payload              answer
//	GET_DIGEST            3             -                    struct stat_digest ([Digest])
//	GET_STATS             4             struct stat_kv       the same struct, filled in ([Stat])
//	LIST_MESSAGES         5             u32 lowest id        ascending u32 ids; none at the end
//	LIST_ENVELOPES        6             u64 lowest id        envelopes, then an empty frame
//	MTA_SHOW_HOSTS        7             -                    lines of text, then an empty frame
//	MTA_SHOW_RELAYS       8             -                    the same
//	MTA_SHOW_ROUTES       9             -                    the same
//	MTA_SHOW_HOSTSTATS    10            -                    the same
//	MTA_SHOW_BLOCK        13            -                    the same
//	MTA_BLOCK, _UNBLOCK   11, 12        sockaddr, domain     OK
//	PAUSE_, RESUME_EVP    14, 21        u64 id               OK or FAIL
//	PAUSE_, RESUME_MDA    15, 22        -                    OK; FAIL if it is so already
//	PAUSE_, RESUME_MTA    16, 23        -                    the same
//	PAUSE_, RESUME_SMTP   17, 24        -                    the same
//	PROFILE_DIS-, ENABLE  19, 20        int of bits          OK
//	RESUME_ROUTE          25            u64 id, never 0      OK, whatever the id
//	REMOVE                26            u64 id               OK or FAIL
//	SCHEDULE              27            u64 id               OK or FAIL
//	SHOW_STATUS           28            -                    u32: 2 MDA, 4 MTA, 8 SMTP paused
//	TRACE_DIS-, ENABLE    29, 30        int of bits          OK
//	UPDATE_TABLE          31            name, NUL            OK or FAIL
//	VERBOSE               32            int, 1 or 0          OK
//	DISCOVER_EVPID        33            u64 id               size_t: envelopes found
//	DISCOVER_MSGID        34            u32 id               size_t: envelopes found
//
// GET_STATS begins with a zeroed struct. The struct holds a pointer of the
// daemon's own: send back exactly the bytes just received, and never older ones.
// A null pointer in the answer ends the statistics.
//
// LIST_MESSAGES answers with at most 1024 ids by default. Go on from the last id
// plus one, and stop if that is zero. LIST_ENVELOPES lists envelopes of the
// message of its id only, at most 256 by default, and leaves out envelopes whose
// file has just gone: a batch may come back short, even empty, with more to
// follow.
//
// # Ids
//
// A message id is a 32-bit random number ([MessageID]); an envelope id has the
// message id in its upper half and a random number in its lower half ([EnvelopeID]).
// A bounce is queued under the id of the message that it reports. Therefore a
// request for a whole message may reach an envelope that was not there a moment
// before.
//
// # What smtpd does with actions
//
// OK means that smtpd has taken the request. Files are deleted in the background.
// An envelope in flight that is removed disappears from listings at once and from
// the queue only when its delivery attempt has ended. Suspending an envelope does
// not stop an attempt under way. A restart of smtpd forgets every suspension and
// every pause, and brings back mail that was removed while it was in flight.
//
// A daemon that has just started loads some hundred envelopes a second: listings
// are incomplete until it is done. It never lists an envelope whose dispatcher
// smtpd.conf does not have; the file stays on disk.
//
// # Using the client
//
// [Dial] opens a connection. The methods of [Conn] may be called from several
// goroutines; each call waits until the answer of the call before it is complete.
// Every call takes a context, and Options.Timeout bounds the wait for each frame.
// Sequences such as [Conn.Envelopes] hold the connection until their loop ends,
// and reuse one value: copy what is to outlive an iteration.
//
// Errors are of type [OpError] and wrap one of [ErrNotRunning], [ErrPermission],
// [ErrRefused], [ErrTimeout], [ErrHangup], a [ProtocolError] or a [VersionError].
package protocol
