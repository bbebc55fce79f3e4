// Command picture makes the pictures of the README: screens of smtpctl as SVG. It starts
// smtpctl with --demo in a pseudo-terminal, types keys, and draws the screen. The clock of
// that smtpctl stands still, so that every run makes the same bytes.
//
//	go run ./cmd/picture          writes the pictures to examples/pictures
//	go run ./cmd/picture -check   writes nothing, and fails if a picture there is stale
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if a picture is stale")
	flag.Parse()
	if err := pictures(*check, nil); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// pictures makes the pictures of the scenes for whose index takes returns true, or of all if
// takes is nil. It writes them or, with check, compares them with the existing files.
func pictures(check bool, takes func(i int) bool) error {
	root, err := goEnv("GOMOD")
	if err != nil {
		return err
	}
	folder := filepath.Join(filepath.Dir(root), "examples", "pictures")
	temp, err := os.MkdirTemp("", "picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	program, err := build(temp)
	if err != nil {
		return err
	}
	for i, s := range scenes {
		if takes != nil && !takes(i) {
			continue
		}
		screen, err := s.play(program, temp)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		made := draw(s, screen)
		if len(made) > maxPicture {
			return fmt.Errorf("%s: the picture has %d bytes: at most %d are allowed", s.name, len(made), maxPicture)
		}
		path := filepath.Join(folder, s.name+".svg")
		if !check {
			if err := os.WriteFile(path, made, 0o644); err != nil {
				return err
			}
			continue
		}
		if there, _ := os.ReadFile(path); !bytes.Equal(there, made) {
			return fmt.Errorf("%s is stale: run just docs; the screen is now\n%s", path, screen.Text())
		}
	}
	return nil
}

// goEnv returns a variable of go env. An empty one is an error.
func goEnv(name string) (string, error) {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return "", fmt.Errorf("go env %s: %w", name, err)
	}
	value := strings.TrimSpace(string(out))
	if value == "" || value == os.DevNull {
		return "", fmt.Errorf("go env %s: it is empty: run this inside the project", name)
	}
	return value, nil
}
