package update

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/buffer"
	"github.com/hublink-go/hublink/firmware/fetch"
	"github.com/hublink-go/hublink/supervisor"
)

// fetchTries is how often in a row a download is tried without a new byte: with waits of up to 30 s
// that is ten minutes without a network, and longer when it stalls.
const fetchTries = 40

// agentName is how the agent names itself to the servers that it downloads from.
const agentName = "hublink"

// chunks are pieces of firmware on their way to an applier.
var chunks = buffer.Pool{Size: chunkSize}

// downloader downloads one firmware for the applier. The work is done by a linked goroutine; the
// actor passes credits on to it.
type downloader struct {
	door *Transfers
	transfer
	off     int64 // first byte that is wanted
	credits chan struct{}
	log     *zerolog.Logger
}

// Messages of the downloader.
type (
	// more: from applier; so many pieces were taken. Lost with a crash of the downloader, like the
	// transfer.
	more struct{ n int }
	// attemptStarted: to updater; the server answers with the file, from byte off on; total is its
	// size, 0 when not known. Lost with a crash of updater, like the transfer; so are the two below.
	attemptStarted struct {
		run   uint64
		off   int64
		total int64
	}
	// fetched: to updater; the applier has been given all of it.
	fetched struct{ run uint64 }
	// fetchFailed: to updater; trying on is of no use.
	fetchFailed struct {
		run uint64
		err error
	}
	// downloadEnded: from its own goroutine; the download is over and updater knows.
	downloadEnded struct{}
)

func newDownloader(door *Transfers, t transfer, off int64) supervisor.Behavior {
	w := &downloader{
		door: door, transfer: t, off: off, credits: make(chan struct{}, window),
		log: door.Log(downloaderID),
	}
	w.more(window)
	return w
}

// Init starts the download.
func (w *downloader) Init(ctx *supervisor.Ctx) error {
	self := ctx.Self()
	ctx.Go("download", func(gctx context.Context) error {
		if err := w.download(gctx); err != nil {
			return err
		}
		_ = self.Send(downloadEnded{}) // ending already
		return nil
	})
	return nil
}

// Receive handles one message; see the table in package actors.
func (w *downloader) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case more:
		w.more(m.n)
		return nil
	case downloadEnded:
		return supervisor.ErrNormal
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate has nothing to undo: the goroutine ends with its context.
func (w *downloader) Terminate(*supervisor.Ctx, error) {}

func (w *downloader) more(n int) {
	for range n {
		select {
		case w.credits <- struct{}{}:
		default: // more than were out: of no use
		}
	}
}

// errNoApplier ends a download whose applier has ended; the updater hears of that end.
var errNoApplier = errors.New("the applier has ended")

// download runs until everything was handed over or nothing helps, and tells updater. An error is a
// crash.
func (w *downloader) download(ctx context.Context) error {
	how := &w.door.Downloads
	d := fetch.New(fetch.Options{
		HTTP: how.Client(), UserAgent: agentName, Stall: how.Stall, RetryDelay: how.RetryDelay,
		Tries:     fetchTries,
		OnAttempt: w.attempt, OnRetry: w.retry, Rand: w.door.Rand(w.plan.Run),
	})
	_, err := d.Fetch(ctx, fetch.Source{
		URL: string(w.plan.Source.URL), Offset: w.off, Size: w.plan.Source.Size, Limit: w.plan.Limit,
	}, (*sink)(w))
	switch {
	case ctx.Err() != nil:
		return nil //nolint:nilerr // stopped: the updater no longer waits for the outcome
	case errors.Is(err, errNoApplier):
		return err
	case err != nil:
		return w.tell(fetchFailed{run: w.plan.Run, err: err})
	default:
		return w.tell(fetched{run: w.plan.Run})
	}
}

func (w *downloader) attempt(a fetch.Attempt) {
	w.log.Debug().
		Int("attempt", a.Number).
		Int64("offset", a.Offset).
		Int("status", a.Status).
		Msg("downloading")
	_ = w.tell(attemptStarted{run: w.plan.Run, off: a.Offset, total: max(0, a.Total)})
}

func (w *downloader) retry(err error, wait time.Duration) {
	w.log.Info().Err(err).Dur("wait_ms", wait).Msg("download interrupted, trying again")
}

// sink hands the bytes to the applier, one credit a piece.
type sink downloader

// Write implements fetch.Sink.
func (s *sink) Write(ctx context.Context, p []byte) error {
	select {
	case <-s.credits:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	data := chunks.Get()
	*data = append(*data, p...)
	return s.send(chunk{run: s.plan.Run, data: data})
}

// Restart implements fetch.Sink.
func (s *sink) Restart(context.Context) error { return s.send(rewind{run: s.plan.Run}) }

func (s *sink) send(msg any) error {
	if s.door.applier().Send(msg) != nil {
		return errNoApplier
	}
	return nil
}
