package command

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A separatedPrinter prints values split by commas or tabs, after a line with their
// names, as encoding/csv quotes them.
type separatedPrinter struct{ comma rune }

func (p separatedPrinter) rows(c *Call, r *Rows) {
	r.head = func() error { return p.write(c, r.Names) }
	r.print = func() error { return p.write(c, r.Values()) }
}

// record prints a value that is a struct in JSON, and the names of its fields where
// they are not those of the record before.
func (p separatedPrinter) record(c *Call, r *Record) error {
	if done, err := parts(c, r); done {
		return err
	}
	value, err := r.value()
	if err != nil {
		return err
	}
	names, values, err := flatten(value)
	if err != nil {
		return fmt.Errorf("%s: %w", PathOf(c), err)
	}
	if !slices.Equal(names, c.heads) {
		c.heads = names
		if err := p.write(c, names); err != nil {
			return err
		}
	}
	return p.write(c, values)
}

// write prints a line.
func (p separatedPrinter) write(c *Call, values []string) error {
	if p.comma == ',' {
		values = slices.Clone(values)
		for i, v := range values {
			values[i] = noFormula(v)
		}
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = p.comma
	if err := w.Write(values); err != nil {
		return err
	}
	w.Flush()
	_, err := c.Out.Write(b.Bytes())
	return err
}

// noFormula returns a value that no spreadsheet takes for a formula: who sends mail
// chooses much of what is listed, and formulas can start programs and send data away.
func noFormula(value string) string {
	if value == "" || !strings.ContainsRune("=+-@\t\r\n", rune(value[0])) || strings.Trim(value[1:], "0123456789.") == "" && value[0] == '-' {
		return value
	}
	return "'" + value
}

// flatten returns the names and values of a struct's fields as JSON has them. What is
// no text, number or the like stays JSON.
func flatten(v any) (names, values []string, err error) {
	s := reflect.Indirect(reflect.ValueOf(v))
	if s.Kind() != reflect.Struct {
		return nil, nil, fmt.Errorf("the result is no list: want -o json")
	}
	for f, field := range s.Fields() {
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		text := ""
		if !strings.Contains(opts, "omitempty") || !field.IsZero() {
			if text, err = cellOf(field.Interface()); err != nil {
				return nil, nil, err
			}
		}
		names, values = append(names, name), append(values, text)
	}
	return names, values, nil
}

// cellOf returns a value as JSON has it, a text without its quotes.
func cellOf(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var text string
	if json.Unmarshal(b, &text) == nil {
		return text, nil
	}
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	err = enc.Encode(v)
	return strings.TrimSuffix(plain.String(), "\n"), err
}
