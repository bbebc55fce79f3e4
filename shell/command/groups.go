package command

// The groups of commands, in the order in which help lists them.
const (
	GroupQueue   = "Queue"
	GroupServer  = "Server"
	GroupRelay   = "Relaying"
	GroupDebug   = "Debugging"
	GroupTools   = "Tools"
	GroupSession = "Session"
)

var Groups = []string{GroupQueue, GroupServer, GroupRelay, GroupDebug, GroupTools, GroupSession}

// ResumeHelp is the help of the resume commands.
const ResumeHelp = "A restart of smtpd resumes everything, since it forgets all pauses."
