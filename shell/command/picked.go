package command

import (
	"reflect"
	"slices"
	"strings"

	"smtpctl/shell/render"
)

// picked are the columns of a list that columns= or --columns names.
type picked struct {
	rows   *Rows
	values []string // of the row that is printed now
}

// ListColumns returns the names of the columns that the lists of a command have.
func (c *Command) ListColumns() []string {
	var names []string
	for _, row := range c.Rows {
		for _, f := range fieldsOf(row) {
			if !slices.Contains(names, f.name) {
				names = append(names, f.name)
			}
		}
	}
	return names
}

// CheckColumns looks at what columns= and --columns ask for. Columns are shown wherever the user asks
// for no format that has none.
func (c *Call) CheckColumns() error {
	there := c.Cmd.ListColumns()
	names := strings.Split(c.Opts.Columns, ",")
	for i, name := range names {
		if !slices.Contains(there, name) {
			return Usagef("%s: columns=%s: unknown column %q: expected some of %s, separated by commas", PathOf(c), c.Opts.Columns, name, strings.Join(there, ", "))
		}
		if slices.Contains(names[:i], name) {
			return Usagef("%s: columns=%s: %q is given twice", PathOf(c), c.Opts.Columns, name)
		}
	}
	c.ForPeople()
	if !c.HasColumns() {
		return Usagef("%s: columns= works only with -o table, expanded, csv and tsv", PathOf(c))
	}
	return nil
}

// printPicked prints the columns of a record that columns= or --columns names.
func (c *Call) printPicked(r *Record) error {
	names, values, done, err := flatRecord(c, r)
	if done || err != nil {
		return err
	}
	p := c.pickedRows()
	for i, name := range p.rows.Names {
		p.values[i] = ""
		if j := slices.Index(names, name); j >= 0 {
			p.values[i] = values[j]
		}
	}
	return p.rows.Print()
}

// pickedRows returns the rows of a list of which only some columns are wanted.
func (c *Call) pickedRows() *picked {
	if c.picked != nil {
		return c.picked
	}
	names := strings.Split(c.Opts.Columns, ",")
	p := &picked{values: make([]string, len(names))}
	now := func() []string { return p.values }
	rows := Rows{Labels: names, Names: names, Cells: now, Long: now, Values: now}
	for _, name := range names {
		column := render.Column{Head: strings.ToUpper(name), Cut: render.CutText}
		for _, row := range c.Cmd.Rows {
			for _, f := range fieldsOf(row) {
				if f.name == name && f.number() {
					column.Right, column.Cut = true, render.CutNever
				}
			}
		}
		rows.Columns = append(rows.Columns, column)
	}
	p.rows = c.Rows(rows)
	c.picked = p
	return p
}

// A listField is a field of a struct as JSON has it.
type listField struct {
	name  string
	empty bool // it is left out where it is zero
	value reflect.Value
}

// number reports whether it is a number.
func (f *listField) number() bool {
	t := f.value.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
		return t.PkgPath() == "" // a time has a type of its own
	}
	return false
}

// fieldsOf returns the fields that a struct has in JSON; none of what is no struct.
func fieldsOf(v any) []listField {
	s := reflect.Indirect(reflect.ValueOf(v))
	if s.Kind() != reflect.Struct {
		return nil
	}
	var fields []listField
	for f, field := range s.Fields() {
		if f.Anonymous && f.IsExported() {
			fields = append(fields, fieldsOf(field.Interface())...)
			continue
		}
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			fields = append(fields, fieldsOf(field.Interface())...)
		}
		if name != "" && name != "-" {
			fields = append(fields, listField{name, strings.Contains(opts, "omitempty"), field})
		}
	}
	return fields
}
