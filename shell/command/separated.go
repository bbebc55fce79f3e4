package command

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"smtpctl/shell/render"
)

// A separatedPrinter prints values separated by commas or tabs, after a line with their
// names, quoted as by encoding/csv.
type separatedPrinter struct{ comma rune }

func (p separatedPrinter) rows(c *Call, r *Rows) {
	r.head = func() error { return p.write(c, r.Names) }
	r.print = func() error { return p.write(c, r.Values()) }
}

// flatRecord returns the fields of a record as lists have them, or done if its parts have
// been printed instead.
func flatRecord(c *Call, r *Record) (names, values []string, done bool, err error) {
	if done, err := parts(c, r); done {
		return nil, nil, true, err
	}
	value, err := r.value()
	if err != nil {
		return nil, nil, false, err
	}
	if names, values, err = flatten(value); err != nil {
		err = fmt.Errorf("%s: %w", PathOf(c), err)
	}
	return names, values, false, err
}

// record prints a value that is a struct in JSON. It prints the names of the fields
// first, unless they are the same as those of the record before.
func (p separatedPrinter) record(c *Call, r *Record) error {
	names, values, done, err := flatRecord(c, r)
	if done || err != nil {
		return err
	}
	if !slices.Equal(names, c.heads) {
		c.heads = names
		if err := p.write(c, names); err != nil {
			return err
		}
	}
	return p.write(c, values)
}

// EndRows ends the results of a command: where a list had no rows, the names of its
// columns are printed in the formats that have such a line.
func (c *Call) EndRows() error {
	if len(c.Cmd.Rows) == 0 || c.ended {
		return nil
	}
	if c.Opts.Columns != "" {
		return c.pickedRows().rows.None()
	}
	p, ok := printers[c.Format()].(separatedPrinter)
	if !ok || c.heads != nil {
		return nil
	}
	names, _, err := flatten(c.Cmd.Rows[0])
	if err != nil {
		return err
	}
	return p.write(c, names)
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

// noFormula returns a value that no spreadsheet takes for a formula. The senders of
// mail determine much of what is listed, and formulas can start programs and send data
// elsewhere.
func noFormula(value string) string {
	if value == "" || !strings.ContainsRune("=+-@\t\r\n", rune(value[0])) || strings.Trim(value[1:], "0123456789.") == "" && value[0] == '-' {
		return value
	}
	return "'" + value
}

// flatten returns the names and values of a struct's fields as in JSON. A value that is
// not a text, a number or the like stays JSON.
func flatten(v any) (names, values []string, err error) {
	fields := fieldsOf(v)
	if fields == nil {
		return nil, nil, fmt.Errorf("%s is not a row of a list: use -o plain or -o json", render.Bound(fmt.Sprintf("%q", fmt.Sprint(v)), ArgBytes))
	}
	for _, f := range fields {
		text := ""
		if !f.empty || !f.value.IsZero() {
			if text, err = cellOf(f.value.Interface()); err != nil {
				return nil, nil, err
			}
		}
		names, values = append(names, f.name), append(values, text)
	}
	return names, values, nil
}

// cellOf returns a value as in JSON, and a text without its quotes.
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
