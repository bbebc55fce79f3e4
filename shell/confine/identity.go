package confine

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"unicode/utf8"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/render"
)

// loginUIDFile is the file in which Linux keeps the uid of the login of this process.
// sudo does not change it; only the kernel's own rules do.
const loginUIDFile = "/proc/self/loginuid"

// LoginUID returns the uid of the login, or "" if the kernel does not know it.
func LoginUID() string {
	b, err := safefile.ReadFile(context.Background(), loginUIDFile, maxEnvName)
	id := strings.TrimSpace(string(b))
	if err != nil || id == "4294967295" {
		return ""
	}
	return id
}

// Who names the person behind this process for the log: by the uid of the login,
// otherwise that of the process. Names from the environment, which anybody can set, are
// added but not trusted.
func Who(env func(string) string, login string) string {
	if login == "" {
		login = fmt.Sprint(os.Getuid())
	}
	name := UserName(login)
	for _, variable := range []string{"SUDO_USER", "DOAS_USER", "LOGNAME"} {
		if u := env(variable); u != "" && u != name {
			return fmt.Sprintf("user %s (%s says %s, unverified)", name, variable, Cut(render.Safe(u), maxEnvName))
		}
	}
	return "user " + name
}

// maxEnvName is how many bytes of a name out of the environment are logged.
const maxEnvName = 64

// UserName returns the name of a uid, or the uid.
func UserName(uid string) string {
	if u, err := user.LookupId(uid); err == nil {
		return render.Safe(u.Username)
	}
	return "uid " + render.Safe(Cut(uid, maxEnvName))
}

// Cut returns text, or its beginning with three dots in at most n bytes. It does not
// split characters.
func Cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	end := max(0, n-len("..."))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
