package shell

import (
	"testing"

	"smtpctl/protocol/fulltest"
)

func TestMain(m *testing.M) { fulltest.Main(m, 16) }
