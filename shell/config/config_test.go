package config

import (
	"fmt"
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
		"menu = tabs\ncolor = never\nx":         {c: Config{Color: "never"}, err: `config:1: menu: "tabs": expected auto or tab; config:3: "x": expected KEY = VALUE`},
		"sockets = /x":                          {err: `config:1: "sockets": unknown setting, expected one of color, columns, confirm, highlight, host, inventory, menu, parallel, suggestion, let NAME, alias NAME, group NAME, host NAME`},
		"let X = y\nlet x =\nlet = y\nmenu x = y": {err: `config:1: let "X": expected a name of small letters, digits, - and _; config:2: let x: expected words after the =; config:3: "let": unknown setting, expected one of color, columns, confirm, highlight, host, inventory, menu, parallel, suggestion, let NAME, alias NAME, group NAME, host NAME; config:4: "menu x": unknown setting, expected one of color, columns, confirm, highlight, host, inventory, menu, parallel, suggestion, let NAME, alias NAME, group NAME, host NAME`},
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

// TestHosts reads groups and inventories.
func TestHosts(t *testing.T) {
	home := t.TempDir()
	env := func(name string) string { return map[string]string{"HOME": home, "XDG_CONFIG_HOME": home}[name] }
	os.MkdirAll(filepath.Join(home, "smtpctl"), 0o700)
	list := filepath.Join(home, "list")
	hosts := func(group string) (names []string, err error) {
		c, _ := Load(env)
		members, err := c.Hosts(group)
		for _, m := range members {
			names = append(names, m.Name+" "+strings.TrimPrefix(m.Where, home))
		}
		return names, err
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(home, "smtpctl", "config"), "group front = mx1  admin@mx2\ngroup both = mx5, @front\ninventory = "+list+"\n")
	write(list, "\ufeff# hosts\r\nmx3 first\r\n\r\n  mx4\r\n")
	for group, want := range map[string]string{"front": "[mx1 /smtpctl/config:1 admin@mx2 /smtpctl/config:1]", "both": "[mx5 /smtpctl/config:2 @front /smtpctl/config:2]", "all": "[mx3 /list:2 mx4 /list:4]"} {
		if got, err := hosts(group); err != nil || fmt.Sprint(got) != want {
			t.Errorf("@%s: %v, %v", group, got, err)
		}
	}
	if got, err := hosts("none"); err == nil {
		t.Errorf("@none: %v", got)
	}
	write(list, "# none\n")
	if got, err := hosts("all"); err == nil {
		t.Errorf("an empty inventory: %v", got)
	}
	write(list, strings.Repeat("#\n", maxInventory/2)+"mx1\n")
	if got, err := hosts("all"); err == nil {
		t.Errorf("a part of an inventory: %v", got)
	}
	os.Chmod(list, 0o666)
	if got, err := hosts("all"); err == nil {
		t.Errorf("an inventory that others may write: %v", got)
	}
}

// TestHidden says whether what is wrong with a file may hide what it says about machines.
func TestHidden(t *testing.T) {
	machines := "host mx1 = way=nc\ngroup front = mx1\ninventory = /x\nparallel = 2\n"
	for text, hidden := range map[string]bool{
		machines: false, "\ufeff" + machines: false, strings.ReplaceAll(machines, "\n", "\r\n"): false,
		"menu = tabs\ncolour = never\nlet X = y\nalias = z\nx\nhost = mx1\n" + machines: false,
		"host mx1 =\n": true, "host mx1\n": true, "Host mx1 = way=nc\n": true, "hosts mx1 = way=nc\n": true, "\ufeffhost mx1\n": true,
		"group Front = mx1\n": true, "group front: mx1\n": true, "group = mx1\n": true, "groups front = mx1\n": true,
		"inventory /x\n": true, "inventories = /x\n": false, "parallel 5\n": true,
		strings.Repeat("x\n", maxErrors): true, strings.Repeat("#\n", maxLines+1): true, strings.Repeat("#", maxLine+1) + "\n": true,
	} {
		if c, err := load(t, text, 0o600); (c.Hidden != nil) != hidden {
			t.Errorf("%.60q: hidden by %v, of %s", text, c.Hidden, err)
		}
	}
	if c, err := load(t, machines, 0o622); c.Hidden == nil {
		t.Errorf("a file that others may write: %s", err)
	}
	for home, hidden := range map[string]bool{"/nonexistent": false, "/dev/null": false, "": false, t.TempDir(): true} {
		if hidden { // a folder in place of the file
			os.MkdirAll(filepath.Join(home, ".config", "smtpctl", "config"), 0o700)
		}
		c, problems := Load(func(name string) string { return map[string]string{"HOME": home}[name] })
		if (c.Hidden != nil) != hidden || len(problems) > 0 != hidden {
			t.Errorf("HOME=%s: %v, %v", home, c.Hidden, problems)
		}
	}
}

// TestLongestLine reads the longest line, and refuses one that is longer by a byte.
func TestLongestLine(t *testing.T) {
	for n, ok := range map[int]bool{maxLine: true, maxLine + 1: false} {
		var c Config
		problems := c.read("config", strings.NewReader("#"+strings.Repeat("x", n-1)+"\nmenu = tab\n"))
		if (len(problems) == 0) != ok || !ok && !strings.Contains(problems[0].Error(), "config:1: the line is longer than") {
			t.Errorf("%d bytes: %v", n, problems)
		}
	}
}
