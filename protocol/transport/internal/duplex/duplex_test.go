package duplex_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
)

func TestHalfClose(t *testing.T) {
	a, b := duplex.New("a", "b")
	_, _ = a.Write([]byte("last words"))
	_ = a.CloseWrite()
	if got, err := io.ReadAll(b); string(got) != "last words" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after CloseWrite: %v", err)
	}
	_, _ = b.Write([]byte("answer"))
	_ = b.Close()
	if got, err := io.ReadAll(a); string(got) != "answer" || err != nil {
		t.Errorf("the other direction read %q, %v", got, err)
	}
}

func TestCloseWithUnreadBytesResets(t *testing.T) {
	a, b := duplex.New("a", "b")
	_, _ = a.Write([]byte("never read"))
	_, _ = b.Write([]byte("said before"))
	_ = b.Close()
	if got, err := io.ReadAll(a); string(got) != "said before" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %q, %v, want what was said and then a reset", got, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write to a closed peer: %v", err)
	}
}

func TestResetLosesWhatIsOnItsWay(t *testing.T) {
	a, b := duplex.New("a", "b")
	_, _ = b.Write([]byte("lost"))
	_ = b.Reset()
	if got, err := io.ReadAll(a); len(got) != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %q, %v, want a reset alone", got, err)
	}
}

func TestBoundedBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := duplex.New("a", "b")
		data := bytes.Repeat([]byte("0123456789"), 30_000)
		go func() {
			if n, err := a.Write(data); n != len(data) || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
			_ = a.Close()
		}()
		synctest.Wait() // the writer waits for room
		if got, err := io.ReadAll(b); !bytes.Equal(got, data) || err != nil {
			t.Errorf("read %d bytes of %d, %v", len(got), len(data), err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := duplex.New("a", "b")
		start := time.Now()
		_ = a.SetReadDeadline(start.Add(time.Second))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) ||
			time.Since(start) != time.Second {
			t.Errorf("read ended after %v: %v", time.Since(start), err)
		}
		_ = a.SetWriteDeadline(start.Add(3 * time.Second))
		if n, err := a.Write(make([]byte, 100_000)); n != 64<<10 ||
			!errors.Is(err, os.ErrDeadlineExceeded) ||
			time.Since(start) != 3*time.Second {
			t.Errorf("write ended after %v: %d, %v", time.Since(start), n, err)
		}
		_ = a.SetDeadline(time.Time{})
		ended := make(chan error)
		go func() { _, err := a.Read(make([]byte, 1)); ended <- err }()
		synctest.Wait()
		_ = a.SetReadDeadline(time.Now()) // reaches a read that already waits
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a waiting read ended with %v", err)
		}
	})
}

func TestCloseEndsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := duplex.New("a", "b")
		ended := make(chan error, 2)
		go func() { _, err := a.Read(make([]byte, 1)); ended <- err }()
		go func() { _, err := a.Write(make([]byte, 100_000)); ended <- err }()
		synctest.Wait()
		_ = a.Close()
		for range 2 {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("ended with %v, want net.ErrClosed", err)
			}
		}
	})
}
