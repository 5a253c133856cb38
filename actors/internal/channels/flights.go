package channels

// flights are the pushes of extensions that connection has not reported as written, in the order of
// their tags.
type flights struct{ list []flight }

// flight is a push of an extension under the tag of its transmission.
type flight struct {
	tag   uint64
	name  string
	bytes int
}

func (q *flights) add(f flight) { q.list = append(q.list, f) }

// next removes the oldest flight if its tag is not above tag, and reports whether there is one.
func (q *flights) next(tag uint64) (flight, bool) {
	if len(q.list) == 0 || q.list[0].tag > tag {
		return flight{}, false
	}
	f := q.list[0]
	if q.list = q.list[1:]; len(q.list) == 0 {
		q.list = nil
	}
	return f, true
}
