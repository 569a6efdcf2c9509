package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// autoQuery is the body of every search.
type autoQuery struct {
	Filters []struct {
		Key      string `json:"key"`
		Value    any    `json:"value"`
		Operator string `json:"operator"`
	} `json:"filters"`
	View *struct {
		Limit    int    `json:"limit"`
		Offset   int    `json:"offset"`
		Children bool   `json:"children"`
		From     string `json:"from"`
		To       string `json:"to"`
	} `json:"view"`
	Orders []struct {
		Key  string `json:"key"`
		Type string `json:"type"`
	} `json:"orders"`
}

// autoRow is something that is searched: what can be asked for by key, and its answer.
type autoRow struct {
	keys map[string]string
	at   time.Time
	show func() any
}

// search filters rows. They come oldest first and are answered newest first.
func (q autoQuery) search(rows []autoRow) ([]any, error) {
	found := []any{}
	for _, row := range slices.Backward(rows) {
		ok, err := q.matches(row)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, row.show())
		}
	}
	if len(q.Orders) > 0 && q.Orders[0].Type == "ASC" {
		slices.Reverse(found)
	}
	if q.View == nil {
		return found, nil
	}
	found = found[min(max(q.View.Offset, 0), len(found)):]
	if q.View.Limit > 0 {
		found = found[:min(q.View.Limit, len(found))]
	}
	return found, nil
}

func (q autoQuery) matches(row autoRow) (bool, error) {
	for _, filter := range q.Filters {
		value, ok := row.keys[filter.Key]
		if !ok {
			return false, refuse(ErrParameter, "the key %q cannot be searched for", filter.Key)
		}
		wanted := fmt.Sprint(filter.Value)
		switch filter.Operator {
		case "EQUAL":
			ok = value == wanted
		case "LIKE":
			ok = strings.Contains(value, strings.Trim(wanted, "%"))
		default:
			return false, refuse(ErrParameter, "the operator %q is not known", filter.Operator)
		}
		if !ok {
			return false, nil
		}
	}
	if q.View == nil || q.View.From == "" {
		return true, nil
	}
	from, err := time.Parse(autoTime, q.View.From)
	if err != nil {
		return false, refuse(ErrParameter, "view.from is no time")
	}
	to, err := time.Parse(autoTime, q.View.To)
	if err != nil {
		return false, refuse(ErrParameter, "view.to is no time")
	}
	return !row.at.Before(from.Truncate(time.Second)) && !row.at.After(to), nil
}

// jobs are all of an account that lists show, oldest first.
func (a *AutoDNS) jobs(account string) []Job {
	var jobs []Job
	for _, o := range a.engine.Orders(account) {
		jobs = append(jobs, o.Jobs()...)
	}
	slices.SortStableFunc(jobs, func(x, y Job) int { return strings.Compare(x.Issuance.Job, y.Issuance.Job) })
	return jobs
}

func (a *AutoDNS) jobRows(call autoCall, history bool) []autoRow {
	var rows []autoRow
	for _, job := range a.jobs(call.account) {
		if job.ended() != history && (a.options.History || history) {
			continue
		}
		fields := autoJob(job, call.withoutWord())
		rows = append(rows, autoRow{
			keys: map[string]string{
				"object": job.Issuance.Names[0], "action": fmt.Sprint(fields["action"]), "type": "ssl",
				"status": fmt.Sprint(fields["status"]), "id": job.Issuance.Job, "created": fmt.Sprint(fields["created"]),
			},
			at:   job.Issuance.RequestedAt,
			show: func() any { return autoObjectJob(job, call, false) },
		})
	}
	return rows
}

// withoutWord is the call without the fault that changes status words.
func (c autoCall) withoutWord() autoCall {
	c.StatusWord = ""
	return c
}

func (a *AutoDNS) jobList(call autoCall) (autoReply, error) {
	var query autoQuery
	if err := call.decode(&query); err != nil {
		return autoReply{}, err
	}
	rows, err := query.search(a.jobRows(call, false))
	return autoReply{data: rows}, err
}

func (a *AutoDNS) jobHistoryList(call autoCall) (autoReply, error) {
	var query autoQuery
	if err := call.decode(&query); err != nil {
		return autoReply{}, err
	}
	if query.View == nil || query.View.From == "" || query.View.To == "" {
		return autoReply{}, refuse(ErrParameter, "view.from and view.to are required for the history")
	}
	rows, err := query.search(a.jobRows(call, true))
	return autoReply{data: rows}, err
}

func (a *AutoDNS) jobInfo(call autoCall) (autoReply, error) { return a.job(call, false) }

func (a *AutoDNS) jobHistoryInfo(call autoCall) (autoReply, error) { return a.job(call, true) }

func (a *AutoDNS) job(call autoCall, history bool) (autoReply, error) {
	job, err := a.engine.Job(call.account, call.id)
	if err != nil {
		return autoReply{}, err
	}
	if history != job.ended() && (history || a.options.History) {
		return autoReply{}, refuse(ErrNotFound, "there is no job %q", call.id)
	}
	return autoReply{
		object: map[string]any{"type": "job", "value": call.id},
		data:   []any{autoObjectJob(job, call, true)},
	}, nil
}

func (a *AutoDNS) certificateList(call autoCall) (autoReply, error) {
	var query autoQuery
	if err := call.decode(&query); err != nil {
		return autoReply{}, err
	}
	var rows []autoRow
	for _, o := range a.engine.Orders(call.account) {
		if o.Certificate() == nil {
			continue
		}
		rows = append(rows, autoRow{
			keys: map[string]string{"name": o.CommonName(), "id": o.ID, "product": autoLabel(o.Product), "orderId": "27" + o.ID},
			show: func() any { return a.autoCertificate(o, false) },
		})
	}
	found, err := query.search(rows)
	return autoReply{data: found}, err
}

func (a *AutoDNS) jobCancel(call autoCall) (autoReply, error) {
	job, err := a.engine.Job(call.account, call.id)
	if err != nil {
		return autoReply{}, err
	}
	if job.ended() {
		return autoReply{}, refuse(ErrState, "job %s has ended", call.id)
	}
	_, err = a.engine.Cancel(call.account, job.Order.ID, "by the customer")
	return autoReply{}, err
}

func (a *AutoDNS) jobResend(call autoCall) (autoReply, error) {
	job, err := a.engine.Job(call.account, call.id)
	if err != nil {
		return autoReply{}, err
	}
	if job.State != StateAwaitingValidation || job.Issuance.Domains[0].Method != MethodEmail {
		return autoReply{}, refuse(ErrState, "job %s waits for no e-mail", call.id)
	}
	return autoReply{}, nil
}

func (a *AutoDNS) remove(call autoCall) (autoReply, error) {
	o, err := a.engine.Cancel(call.account, call.id, "deleted by the customer")
	if err != nil {
		return autoReply{}, err
	}
	return autoReply{started: true, data: []any{map[string]any{"id": json.Number(o.Current().Job)}}}, nil
}

func (a *AutoDNS) revoke(call autoCall) (autoReply, error) {
	var body struct {
		SerialNumber string `json:"serialNumber"`
	}
	if err := call.decode(&body); err != nil {
		return autoReply{}, err
	}
	_, err := a.engine.Revoke(call.account, call.id, strings.ToLower(body.SerialNumber))
	return autoReply{}, err
}

// messages are those of the queue that aren't confirmed: one for each job that ended.
func (a *AutoDNS) messages(account string) []Job {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(a.jobs(account), func(j Job) bool { return !j.ended() || a.confirmed[j.Issuance.Job] })
}

// autoMessage is one below the first number of a message; the rest is the job's.
const autoMessage = 1_000_000

func autoMessageID(job string) string {
	number, err := strconv.Atoi(job)
	if err != nil {
		return job
	}
	return strconv.Itoa(autoMessage + number)
}

func (a *AutoDNS) pollInfo(call autoCall) (autoReply, error) {
	waiting := a.messages(call.account)
	if len(waiting) == 0 {
		return autoReply{object: map[string]any{"type": "message", "summary": 0}}, nil
	}
	first := waiting[0]
	id := autoMessageID(first.Issuance.Job)
	message := autoObjectJob(first, call, true)
	return autoReply{
		object: map[string]any{"type": "message", "value": id, "summary": len(waiting)},
		data: []any{map[string]any{
			"id": json.Number(id), "job": message["job"], "object": message["object"],
			"stid": autoSTID, "ctid": first.Issuance.Reference,
		}},
	}, nil
}

func (a *AutoDNS) pollConfirm(call autoCall) (autoReply, error) {
	for _, job := range a.messages(call.account) {
		if autoMessageID(job.Issuance.Job) == call.id {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.confirmed[job.Issuance.Job] = true
			return autoReply{object: map[string]any{"type": "message", "value": call.id}}, nil
		}
	}
	return autoReply{}, refuse(ErrNotFound, "there is no message %q", call.id)
}
