package render

import "testing"

func TestIsUTF8(t *testing.T) {
	for _, tt := range []struct {
		all, ctype, lang string
		want             bool
	}{
		{"", "", "", false}, {"C", "", "", false}, {"POSIX", "", "en_US.UTF-8", false}, {"C.UTF-8", "", "C", true}, {"", "", "de_DE.utf8", true},
		{"", "", "de_DE.UTF-8@euro", true}, {"", "UTF-8", "C", true}, {"", "C", "C.UTF-8", false}, {"", "", "de_DE", false},
		{"", "", "de_DE@euro", false}, {"en_US.ISO-8859-1", "C.UTF-8", "C.UTF-8", false}, {"", "", "ja_JP.eucJP", false}, {"", "", "xutf-8x", false},
	} {
		env := map[string]string{"LC_ALL": tt.all, "LC_CTYPE": tt.ctype, "LANG": tt.lang}
		if got := IsUTF8(func(name string) string { return env[name] }); got != tt.want {
			t.Errorf("%v: %v", env, got)
		}
	}
}
