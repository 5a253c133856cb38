package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	journalMagic   = "hublink-journal"
	journalVersion = 1
	journalMax     = 4 << 20
	maxReverted    = 8
)

// ErrJournal means that a journal is damaged, or of a version that this agent does not know.
// Nothing in it is used.
var ErrJournal = errors.New("the journal cannot be used")

// Journal is the state of an update that survives a power loss. On disk it is one line with
// version, length and CRC-32, then JSON.
type Journal struct {
	State      State     // a state that State.durable returns
	UUID       string    // of the firmware that State is about
	From       string    // of the firmware that ran when the offer was taken
	Offer      *Offer    // nil means none
	Checkpoint int64     // bytes of the offer that are safe in the slot
	Started    bool      // the hub was told that the download has begun
	Due        time.Time // Waiting: when to ask again
	Count      int       // how often State was started again without progress
	Seq        uint64    // number of the newest report
	Reports    []Report  // not confirmed, oldest first
	Reverted   []string  // uuids that failed on trial, oldest first
}

// Encode returns the journal in its form on disk. It fails only for an offer that Judge refuses.
func (j *Journal) Encode() ([]byte, error) {
	body, err := json.Marshal(
		newJournalV1(j),
		json.Deterministic(true),
		jsontext.AllowInvalidUTF8(true),
	)
	if err != nil {
		// the cause may quote the URL
		return nil, errors.New("encode the journal: the offer holds what JSON does not have")
	}
	if len(body) > journalMax-128 {
		return nil, fmt.Errorf(
			"encode the journal: the offer makes it %d bytes long, more than %d",
			len(body),
			journalMax,
		)
	}
	head := fmt.Sprintf(
		"%s %d %d %08x\n",
		journalMagic,
		journalVersion,
		len(body),
		crc32.ChecksumIEEE(body),
	)
	return append([]byte(head), body...), nil
}

// DecodeJournal reads the output of Encode. No data is an empty journal. Data that is damaged or of
// an unknown version fails with ErrJournal; the error does not quote it.
func DecodeJournal(data []byte) (Journal, error) {
	if len(data) == 0 {
		return Journal{}, nil
	}
	body, err := unwrap(data)
	if err != nil {
		return Journal{}, err
	}
	var v1 journalV1
	if json.Unmarshal(
		body,
		&v1,
		json.RejectUnknownMembers(true),
		jsontext.AllowInvalidUTF8(true),
	) != nil {
		return Journal{}, fmt.Errorf(
			"%w: its content is not that of version %d",
			ErrJournal,
			journalVersion,
		)
	}
	j, ok := v1.journal()
	if !ok || !j.sane() {
		return Journal{}, fmt.Errorf("%w: its content contradicts itself", ErrJournal)
	}
	return j, nil
}

// unwrap checks the first line.
func unwrap(data []byte) ([]byte, error) {
	head, body, ok := bytes.Cut(data[:min(len(data), journalMax)], []byte("\n"))
	words := bytes.Fields(head)
	if !ok || len(words) < 2 || string(words[0]) != journalMagic {
		return nil, fmt.Errorf("%w: this is no journal", ErrJournal)
	}
	if version := string(words[1]); version != strconv.Itoa(journalVersion) {
		return nil, fmt.Errorf(
			"%w: it has version %.16q, this agent knows %d",
			ErrJournal,
			version,
			journalVersion,
		)
	}
	sum := fmt.Sprintf("%08x", crc32.ChecksumIEEE(body))
	if len(words) != 4 || string(words[2]) != strconv.Itoa(len(body)) || string(words[3]) != sum ||
		len(data) > journalMax {
		return nil, fmt.Errorf("%w: it is damaged", ErrJournal)
	}
	return body, nil
}

// sane reports whether the fields are consistent, so that a machine can continue from them.
func (j *Journal) sane() bool {
	switch j.State {
	case Deciding, Waiting, Fetching, Flipping, Flipped:
		if j.Offer == nil || j.Offer.UUID == "" || j.Offer.UUID != j.UUID || j.UUID == j.From {
			return false
		}
	case Idle, Trial, Reverting:
		if j.Offer != nil {
			return false
		}
	default:
		return false
	}
	if j.Checkpoint < 0 || j.Count < 0 || len(j.Reports) > 2*maxReports ||
		len(j.Reverted) > maxReverted {
		return false
	}
	if j.Offer != nil && (j.Offer.Size < 0 || len(j.Offer.Partials) > maxParts) {
		return false
	}
	last := uint64(0)
	for _, r := range j.Reports {
		if r.Seq <= last || r.Seq > j.Seq || r.Status < StatusReceived || r.Status > StatusRebooting {
			return false
		}
		last = r.Seq
	}
	return true
}

// failed reports whether that firmware failed on trial.
func (j *Journal) failed(uuid string) bool { return slices.Contains(j.Reverted, uuid) }

// fail remembers a firmware that failed on trial.
func (j *Journal) fail(uuid string) {
	if uuid == "" || j.failed(uuid) {
		return
	}
	list := append(slices.Clone(j.Reverted), uuid)
	j.Reverted = list[max(0, len(list)-maxReverted):]
}

// forgive takes a firmware off the list of those that failed.
func (j *Journal) forgive(uuid string) {
	if j.failed(uuid) {
		j.Reverted = slices.DeleteFunc(
			slices.Clone(j.Reverted), func(s string) bool { return s == uuid },
		)
	}
}
