package browse

import (
	"testing"

	"smtpctl/protocol/fulltest"
)

func TestMain(m *testing.M) {
	if !fulltest.On() {
		retryEvery /= 10
	}
	fulltest.Main(m, 8)
}
