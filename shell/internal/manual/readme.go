package manual

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"smtpctl/shell/selector"
)

// Readme returns the text of the README with its tables generated anew. It fails if the text
// lacks the comments that mark the place of a table.
func (t Tables) Readme(text string) (string, error) {
	for name, table := range t.readmeTables() {
		begin, end := "<!-- "+name+": just docs -->\n", "<!-- end of "+name+" -->"
		i, j := strings.Index(text, begin), strings.Index(text, end)
		if i < 0 || j < i {
			return "", fmt.Errorf("the README has no place for %s", name)
		}
		text = text[:i+len(begin)] + table + text[j:]
	}
	return text, nil
}

// readmeTables returns the generated tables of the README, by name.
func (t Tables) readmeTables() map[string]string {
	var commands, terms strings.Builder
	commands.WriteString("| command | what it does |\n|---|---|\n")
	for _, c := range t.Commands {
		if c.Own() && !c.Hidden() {
			fmt.Fprintf(&commands, "| `%s` | %s |\n", c.Pattern, cell(c.Summary))
		}
	}
	terms.WriteString("| term | selects by |\n|---|---|\n")
	for _, k := range selector.Terms() {
		ops := "`" + strings.ReplaceAll(k.Ops(), " ", "` `") + "`"
		fmt.Fprintf(&terms, "| `%s` %s | %s: %s |\n", k.Key(), ops, cell(k.Want), cell(k.About()))
	}
	return map[string]string{"commands": commands.String(), "terms": terms.String()}
}

// cell escapes text for a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace(text)
}

// newest matches the heading of an entry in CHANGELOG.md. The first entry is the newest.
var newest = regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$`)

// NewestVersion returns the version of the newest entry in the text of CHANGELOG.md, such as
// 0.2.0.
func NewestVersion(changelog string) (string, error) {
	m := newest.FindStringSubmatch(changelog)
	if m == nil {
		return "", errors.New("CHANGELOG.md has no entry such as: ## 0.2.0 - 2026-11-25")
	}
	return m[1], nil
}
