package prompt

// A menu follows which suggestion go-prompt has selected, which it does not
// tell.
type menu struct {
	n    int  // suggestions on screen
	sel  int  // 1 for the first of them, 0 for none
	open bool // the last of them is not a whole word, such as a folder
}

func (m *menu) selected() bool { return m.sel > 0 }

// key follows what a key does.
func (m *menu) key(k string) {
	switch {
	case k == keyTab, k == keyDown && m.sel > 0:
		m.sel++
		if m.sel > m.n {
			m.sel = 0
		}
	case k == keyBackTab, k == keyUp && m.sel > 0:
		m.sel--
		if m.sel < 0 {
			m.sel = m.n
		}
	case k == keyUp, k == keyDown:
	default:
		m.sel = 0
	}
}
