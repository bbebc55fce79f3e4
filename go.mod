module smtpctl

go 1.26.0

require (
	github.com/fatih/color v1.19.0
	github.com/go-crypt/crypt v0.14.15
	github.com/mattn/go-shellwords v1.0.16
	github.com/spf13/pflag v1.1.0
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)

require (
	github.com/go-crypt/x v0.4.16 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
)
