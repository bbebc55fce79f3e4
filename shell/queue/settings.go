package queue

import (
	"slices"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// The words of commands of the queue that stand among terms and are none.
var (
	limitSetting = command.Setting{Name: "limit", Want: "N", Doc: "show at most so many", Some: someLimits,
		Examples: []string{"limit=20", "older=1d sort=-age limit=10"}}
	sortSetting = command.Setting{Name: "sort", Want: "KEY", Doc: "order of the list; with - before KEY the reverse",
		Note:     "sort=age puts the newest mail first, sort=-age the oldest.",
		Examples: []string{"sort=-age", "sort=domain limit=50", "state=pending sort=next"}, Values: sortValues}
	columnsSetting = command.Setting{Name: "columns", Want: "NAMES", Doc: "show these columns, split by commas",
		Examples: []string{"columns=age,to,error", "columns=id,from,to sort=-age"}, Values: columnValues}

	listSettings = []*command.Setting{&limitSetting, &sortSetting, &columnsSetting}

	// PickSettings are those of a command that shows some of what is selected.
	PickSettings = []*command.Setting{{Name: "limit", Want: "N", Doc: "show at most so many", Some: someLimits, Examples: []string{"limit=20", "older=1d limit=10"}}}
	// GroupSettings are those of a command that groups what is selected.
	GroupSettings = []*command.Setting{{Name: "limit", Want: "N", Doc: "show only so many groups, the largest", Some: someLimits,
		Examples: []string{"limit=5", "older=1d limit=10"}}}

	paceSettings = []*command.Setting{
		{Name: "batch", Want: "N", Doc: "so many at a time, the next when these are through", Not: "rate",
			Examples: []string{"domain=example.com batch=50", "older=0s batch=100 stop=20%"}, Some: []string{"10", "50", "100", "500"}},
		{Name: "rate", Want: "N/TIME", Doc: "so many in a time, such as 50/1m", Not: "batch",
			Examples: []string{"domain=example.com rate=50/1m", "error='*greylist*' rate=500/1h stop=20%"}, Some: []string{"10/1m", "50/1m", "100/1m", "500/1h"}},
		{Name: "stop", Want: "N%", Doc: "with batch= or rate=: stop when that share of the attempts fails",
			Note: "Without stop= it is 50%. The share counts from ten attempts on.", Examples: []string{"domain=example.com batch=50 stop=20%"}, Some: []string{"10%", "20%", "50%", "100%"}},
	}
)

// someLimits are offered after limit=.
var someLimits = []string{"10", "20", "50", "100", "1000"}

// sortValues returns the orders, in reverse if that has been asked for.
func sortValues(typed string) []grammar.Candidate {
	var out []grammar.Candidate
	for _, f := range selector.Sorted() {
		out = append(out, grammar.Candidate{Word: f.Name, Summary: f.Doc})
		if strings.HasPrefix(typed, "-") {
			out = append(out, grammar.Candidate{Word: "-" + f.Name, Summary: "the reverse"})
		}
	}
	return out
}

// columnValues returns lists of columns: the complete names in what was typed, followed by
// one more.
func columnValues(typed string) []grammar.Candidate {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var out []grammar.Candidate
	for _, f := range selector.Columns() {
		if !slices.Contains(strings.Split(before, ","), f.Name) {
			out = append(out, grammar.Candidate{Word: before + f.Name, Summary: f.Doc})
		}
	}
	return out
}
