package command

// Groups of commands, in the order in which help lists them.
const (
	GroupQueue   = "Queue"
	GroupServer  = "Server"
	GroupRelay   = "Relaying"
	GroupDebug   = "Debugging"
	GroupTools   = "Tools"
	GroupSession = "Session"
)

var Groups = []string{GroupQueue, GroupServer, GroupRelay, GroupDebug, GroupTools, GroupSession}

// ResumeHelp is the help of resume, with what a restart of smtpd does to it.
const ResumeHelp = "A restart of smtpd resumes everything, since it forgets all pauses."
