# What can be done here; "just" alone lists it.
default:
    @just --list

# The tests below use a real smtpd and empty its queue: they need root, and say so.
export SMTPCTL_TEST_SMTPD := env("SMTPCTL_TEST_SMTPD", "")

# build the program
build:
    CGO_ENABLED=0 go build -o smtpctl ./cmd/smtpctl

# run the tests that need nothing but Go
test:
    go test ./...

# write the man page and the tables and pictures of the README anew
docs:
    go run ./shell/internal/docs
    go run ./cmd/picture

# check the style, the imports and that every target builds
lint:
    sh .ci/lint

# run all tests against the machine's own smtpd, emptying its queue
integration:
    SMTPCTL_TEST_SMTPD=/ go test -count=1 -p 1 -timeout 20m ./...

# count packages, arrows, lines, and methods of Call
figures:
    sh .ci/figures

# fuzz everything, each for a time such as 60s or 1h
fuzz time="10m":
    sh .ci/fuzz {{time}}

# type at the prompt, into browse and into watch at random, for a time such as 5m
soak time="5m":
    go test -race -count=1 -timeout 2h -run '^Test(Prompt|Browse|Watch)Soak$' -v ./cmd/smtpctl -soak {{time}}

# give a real smtpd random commands from eight sessions at once, 100000 for the full form
soak-smtpd commands="100000":
    SMTPCTL_TEST_SMTPD=/ go test -count=1 -timeout 2h -run TestRealSoak -v ./cmd/smtpctl -real-soak {{commands}}

# build what is given to users into dist: programs, Debian packages, checksums
release:
    sh .ci/release dist

# measure, next to OpenSMTPD's smtpctl where a real smtpd may be used
bench:
    go test -run '^$' -bench . -benchmem ./...
    SMTPCTL_TEST_SMTPD=/ go test -count=1 -run TestBench -v -timeout 30m ./cmd/smtpctl -bench-queue 20000

# record the frames that a release of smtpd sends, such as 6.8.0p2
capture release:
    SMTPCTL_TEST_SMTPD=/ go test -count=1 ./protocol -run TestCapture -capture {{release}}
