package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/shell/command"
)

// TestNames takes lists of machines and groups, and refuses to name any machine where the settings
// may say something that is not known.
func TestNames(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	list := filepath.Join(home, "list")
	var many strings.Builder
	for i := range command.MaxHosts + 1 {
		fmt.Fprintf(&many, "group g%d = h%d @g%d @g%d\n", i, i, i+1, i+1)
	}
	good := "group front = mx1 root@mx2\ngroup all2 = @front, mx3 @front\ngroup self = mx1 @other\ngroup other = @self\ngroup bad = mx1 -oProxyCommand=x\n" +
		"group outer = @bad\ngroup gone = @none\n\tinventory = " + list + "\n" + many.String()[:strings.Index(many.String(), "group g900 ")] + "group g900 = h900\n"
	for _, tt := range []struct {
		settings, inventory string
		mode                os.FileMode
		list, want          string // the beginning of the option or of the error
	}{
		{good, "", 0o600, "mx1,local,mx1", "mx1,local"},
		{good, "", 0o600, "@front", "mx1,root@mx2"},
		{good, "", 0o600, "mx3,@all2,local", "mx3,mx1,root@mx2,local"},
		{good, "", 0o600, "@self", `! --host "@self": CONFIG:3: CONFIG:4: the group @self contains itself`},
		{good, "", 0o600, "@outer", `! --host "@outer": CONFIG:6: CONFIG:5: "-oProxyCommand=x": expected a host`},
		{good, "", 0o600, "@gone", `! --host "@gone": CONFIG:7: no group @none: expected`},
		{good, "", 0o600, "@g0", "h0,h1,h2,"},
		{good, "\ufeff# x\r\nmx1 x\r\n@front\r\n", 0o600, "@all", "mx1,root@mx2"},
		{good, "mx1\n[web]\n", 0o600, "@all", `! --host "@all": LIST:2: "[web]": expected a host`},
		{good, strings.ReplaceAll(many.String(), "group ", ""), 0o600, "@all", `! --host "@all": LIST:1001: more than 1000 machines`},
		{good, "mx1\nmx1,mx2\n", 0o600, "@all", `! --host "@all": LIST:2: "mx1,mx2": expected a host`},
		{good, "", 0o622, "@front", "! settings: CONFIG: not read: others may write it; chmod go-w it; they may say how to reach a machine: nothing is sent to any"},
		{good, "", 0o622, "mx1", "! settings: CONFIG: not read: "},
		{good, "", 0o622, "mx1,local", "! settings: CONFIG: not read: "},
		{good, "", 0o622, "local", ""},
		{"group Front = mx1\n", "", 0o600, "@Front", `! settings: CONFIG:1: group "Front": expected a name`},
		{"group front: mx1\n", "", 0o600, "@front", `! settings: CONFIG:1: "group front: mx1": expected KEY = VALUE`},
		{"host mx1: way=nc\n", "", 0o600, "mx2", `! settings: CONFIG:1: host mx1: way: expected a host`},
		{"host mx1 = way=x\n", "", 0o600, "mx2", "mx2"},
		{"host mx1 = way=x\n", "", 0o600, "mx2,mx1", `! CONFIG:1: host mx1: "way=x": expected`},
		{"menu = x\ncolour = y\n", "", 0o600, "mx2", "mx2"},
	} {
		path := filepath.Join(home, "smtpctl", "config")
		os.MkdirAll(filepath.Dir(path), 0o700)
		os.WriteFile(path, []byte(tt.settings), 0o600)
		os.Chmod(path, tt.mode)
		os.WriteFile(list, []byte(tt.inventory), 0o600)
		o := command.DefaultOptions()
		o.Host = tt.list
		f := &Fleet{Env: func(name string) string { return map[string]string{"XDG_CONFIG_HOME": home}[name] }}
		got := ""
		if err := f.TakeHost(&o, HostOption); err != nil {
			got = strings.NewReplacer(path, "CONFIG", list, "LIST").Replace("! " + err.Error())
		} else {
			got = o.Host
		}
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s in %.40q: %.300s\nwant %s", tt.list, tt.settings, got, tt.want)
		}
	}
}
