package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// load writes a file of settings and reads it.
func load(t *testing.T, text string, mode os.FileMode) (Config, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "smtpctl", "config")
	os.Mkdir(filepath.Dir(path), 0o700)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	os.Chmod(path, mode)
	var c Config
	var errs []string
	for _, err := range c.file(path) {
		errs = append(errs, strings.ReplaceAll(err.Error(), dir+"/smtpctl/", ""))
	}
	if got, _ := Load(func(name string) string { return map[string]string{"XDG_CONFIG_HOME": dir}[name] }); !reflect.DeepEqual(got.Menu, c.Menu) && len(errs) == 0 {
		t.Errorf("found as %+v, want %+v", got, c)
	}
	c.Where = nil
	return c, strings.Join(errs, "; ")
}

func TestConfig(t *testing.T) {
	for text, want := range map[string]struct {
		c   Config
		err string
	}{
		"":                                      {},
		"# nothing\n\n  menu=tab \nhost = none": {c: Config{Menu: "tab", Host: "none"}},
		"menu = tabs\ncolor = never\nx":         {c: Config{Color: "never"}, err: `config:1: menu: "tabs": want auto or tab; config:3: "x": want KEY = VALUE`},
		"sockets = /x":                          {err: `config:1: "sockets": unknown setting, want one of color, columns, confirm, host, menu, let NAME, alias NAME`},
		"let X = y\nlet x =\nlet = y\nmenu x = y": {err: `config:1: let "X": want a name of small letters, digits, - and _; config:2: let x: want words after the =; config:3: "let": unknown setting, want one of color, columns, confirm, host, menu, let NAME, alias NAME; config:4: "menu x": unknown setting, want one of color, columns, confirm, host, menu, let NAME, alias NAME`},
	} {
		if c, err := load(t, text, 0o600); !reflect.DeepEqual(c, want.c) || err != want.err {
			t.Errorf("%q: %+v, %q, want %+v, %q", text, c, err, want.c, want.err)
		}
	}
	if c, err := load(t, "menu = tab\n", 0o622); c.Menu != "" || !strings.Contains(err, "others may write it") {
		t.Errorf("a file that others may write: %+v, %q", c, err)
	}
	if _, err := load(t, strings.Repeat("x\n", 100), 0o600); strings.Count(err, ";") != maxErrors {
		t.Errorf("%q", err)
	}
	if _, err := load(t, strings.Repeat("#\n", maxLines+1), 0o600); !strings.Contains(err, "more than") {
		t.Errorf("%q", err)
	}
	c, err := load(t, "let spam = from=a\nlet spam = from='b = c'  error~^5\nalias q=show queue\nconfirm = 5\ncolumns = age,to\n", 0o600)
	if err != "" || len(c.Selections) != 1 || c.Selections[0].Text != "from='b = c'  error~^5" || !strings.HasSuffix(c.Selections[0].Where, "config:2") ||
		len(c.Aliases) != 1 || c.Aliases[0].Text != "show queue" || c.Confirm != "5" || c.Columns != "age,to" {
		t.Errorf("%+v, %q", c, err)
	}
}
