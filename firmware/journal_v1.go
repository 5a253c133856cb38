package firmware

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// journalV1 is the content of a journal of version 1. It does not change any more: a new field
// makes a new version, and the old one is still read, because a firmware that starts its trial
// finds the journal of the one before.
type journalV1 struct {
	State      State      `json:"state"`
	UUID       string     `json:"uuid,omitzero"`
	From       string     `json:"from,omitzero"`
	Offer      *offerV1   `json:"offer,omitzero"`
	Checkpoint int64      `json:"checkpoint,omitzero"`
	Started    bool       `json:"started,omitzero"`
	Due        int64      `json:"due,omitzero"` // seconds since 1970
	Count      int        `json:"count,omitzero"`
	Seq        uint64     `json:"seq,omitzero"`
	Reports    []reportV1 `json:"reports,omitzero"`
	Reverted   []string   `json:"went_back,omitzero"`
}

type offerV1 struct {
	UUID         string   `json:"uuid"`
	Meta         Metadata `json:"meta,omitzero"`
	URL          string   `json:"url"` // in clear: the download cannot continue without it
	Size         int64    `json:"size,omitzero"`
	Checksum     string   `json:"checksum,omitzero"`
	Partials     []byte   `json:"partials,omitzero"` // 32 bytes each
	DeploymentID int64    `json:"deployment,omitzero"`
}

type reportV1 struct {
	Seq    uint64 `json:"seq"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitzero"`
	Delay  int64  `json:"delay,omitzero"` // nanoseconds
}

func newJournalV1(j *Journal) *journalV1 {
	v1 := &journalV1{
		State: j.State, UUID: j.UUID, From: j.From, Checkpoint: j.Checkpoint, Started: j.Started,
		Count: j.Count, Seq: j.Seq, Reverted: j.Reverted,
	}
	if !j.Due.IsZero() {
		v1.Due = j.Due.Unix()
	}
	for _, r := range j.Reports {
		v1.Reports = append(v1.Reports, reportV1{r.Seq, r.Status, r.Reason, int64(r.Delay)})
	}
	if o := j.Offer; o != nil {
		v1.Offer = &offerV1{o.UUID, o.Meta, string(o.URL), o.Size, o.Checksum, nil, o.DeploymentID}
		for _, part := range o.Partials {
			v1.Offer.Partials, _ = hex.AppendDecode(
				v1.Offer.Partials,
				[]byte(part),
			) // Judge has looked at them
		}
	}
	return v1
}

func (v1 *journalV1) journal() (Journal, bool) {
	j := Journal{
		State: v1.State, UUID: v1.UUID, From: v1.From, Checkpoint: v1.Checkpoint, Started: v1.Started,
		Count: v1.Count, Seq: v1.Seq, Reverted: v1.Reverted,
	}
	if v1.Due != 0 {
		j.Due = time.Unix(v1.Due, 0)
	}
	for _, r := range v1.Reports {
		j.Reports = append(j.Reports, Report{r.Seq, r.Status, r.Reason, time.Duration(r.Delay)})
	}
	o := v1.Offer
	if o == nil {
		return j, true
	}
	if len(o.Partials)%sha256.Size != 0 {
		return j, false
	}
	j.Offer = &Offer{o.UUID, o.Meta, SignedURL(o.URL), o.Size, o.Checksum, nil, o.DeploymentID, ""}
	for i := 0; i < len(o.Partials); i += sha256.Size {
		j.Offer.Partials = append(j.Offer.Partials, hex.EncodeToString(o.Partials[i:i+sha256.Size]))
	}
	return j, true
}
