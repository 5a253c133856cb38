package hubtest

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
)

var demo = Metadata{
	UUID:         "u2",
	Product:      "demo",
	Version:      "1.1.0",
	Platform:     "rpi4",
	Architecture: "arm",
}

const demoSize = 2<<20 + 1234

// newFirmware is a hub in memory with a firmware of three parts, and its bytes.
func newFirmware(t *testing.T, cfg Config) (*Hub, *Firmware, []byte) {
	t.Helper()
	h := Run(t, cfg)
	f, err := h.Firmware().Add(demo, Generated(7, demoSize))
	require.NoError(t, err)
	whole := make([]byte, demoSize)
	n, err := f.Content.ReadAt(whole, 0)
	require.NoError(t, err)
	require.Equal(t, demoSize, n)
	return h, f, whole
}

func get(t *testing.T, rt http.RoundTripper, url string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	return resp
}

func closeBody(t *testing.T, resp *http.Response) {
	t.Helper()
	require.NoError(t, resp.Body.Close())
}

// fetch downloads; err is of the body.
func fetch(t *testing.T, h *Hub, url, rang string) (resp *http.Response, body []byte, err error) {
	t.Helper()
	rt := h.RoundTripper()
	defer rt.CloseIdleConnections()
	header := http.Header{}
	if rang != "" {
		header.Set("Range", rang)
	}
	resp = get(t, rt, url, header)
	defer closeBody(t, resp)
	body, err = io.ReadAll(resp.Body)
	return resp, body, err
}

func TestDownload(t *testing.T) {
	everyMode(t, func(t *testing.T, mode Mode) {
		h, f, whole := newFirmware(t, Config{Mode: mode})
		resp, body, err := fetch(t, h, f.URL(), "")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.True(t, bytes.Equal(whole, body))
		require.Equal(t, "bytes", resp.Header.Get("Accept-Ranges"))
		require.Equal(t, fmt.Sprintf("%X", sha256.Sum256(whole)), f.Checksum)
		require.Len(t, f.Partials, 3)
		require.Equal(t, fmt.Sprintf("%X", sha256.Sum256(whole[2<<20:])), f.Partials[2])

		resp, body, err = fetch(t, h, f.URL(), "bytes=1000-")
		require.NoError(t, err)
		require.Equal(t, http.StatusPartialContent, resp.StatusCode)
		require.True(t, bytes.Equal(whole[1000:], body))
		require.Equal(
			t,
			fmt.Sprintf("bytes 1000-%d/%d", demoSize-1, demoSize),
			resp.Header.Get("Content-Range"),
		)

		resp, _, _ = fetch(t, h, f.URL(), fmt.Sprintf("bytes=%d-", demoSize))
		require.Equal(t, http.StatusRequestedRangeNotSatisfiable, resp.StatusCode)
		require.Equal(t, []Request{
			{Status: 200, Sent: demoSize},
			{Range: "bytes=1000-", Status: 206, Sent: demoSize - 1000},
			{Range: fmt.Sprintf("bytes=%d-", demoSize), Status: 416, Sent: f.Requests()[2].Sent},
		}, f.Requests())
		require.Equal(t, 3, h.Stats().Firmware.Requests)
	})
}

func TestSignedURL(t *testing.T) {
	h, f, _ := newFirmware(t, Config{Mode: Memory})
	rt := h.RoundTripper()
	defer rt.CloseIdleConnections()
	for name, url := range map[string]string{
		"expired":         f.ExpiredURL(),
		"other signature": strings.Replace(f.URL(), "Signature=", "Signature=0", 1),
		"later expiry":    strings.Replace(f.URL(), "Expires=", "Expires=9", 1),
		"other file":      strings.Replace(f.URL(), "u2.fw", "u3.fw", 1),
		"not signed":      h.front.firmwareURL + "/firmware/u2.fw",
	} {
		resp := get(t, rt, url, nil)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusForbidden, resp.StatusCode, name)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, f.URL(), nil)
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusForbidden, resp.StatusCode, "a bucket refuses HEAD")
}

func TestFaults(t *testing.T) {
	everyMode(t, func(t *testing.T, mode Mode) {
		h, f, whole := newFirmware(t, Config{Mode: mode})
		try := func(rang string, faults ...Fault) (*http.Response, []byte, error) {
			f.Heal()
			f.Inject(faults...)
			return fetch(t, h, f.URL(), rang)
		}
		_, body, err := try("", Cut(100_000).Times(2))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Len(t, body, 100_000)
		_, body, err = fetch(t, h, f.URL(), "bytes=100000-")
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.True(t, bytes.Equal(whole[100_000:200_000], body))
		_, body, err = fetch(t, h, f.URL(), "bytes=200000-")
		require.NoError(t, err, "the third request is spared")
		require.True(t, bytes.Equal(whole[200_000:], body))

		resp, _, _ := try("", Answer(500).Times(1), Answer(403).After(1))
		require.Equal(t, 500, resp.StatusCode)
		resp, _, _ = fetch(t, h, f.URL(), "")
		require.Equal(t, 403, resp.StatusCode)

		for by, size := range map[int64]int{10: demoSize + 10, -10: demoSize - 10} {
			resp, body, err = try("", Resize(by))
			require.NoError(t, err, "the response is whole by itself")
			require.EqualValues(t, size, resp.ContentLength)
			require.Len(t, body, size)
		}

		_, body, err = try("", Flip(1_000_000))
		require.NoError(t, err)
		require.Equal(t, whole[1_000_000]^1, body[1_000_000])
		body[1_000_000] ^= 1
		require.True(t, bytes.Equal(whole, body), "nothing else is wrong")
		_, body, err = try("bytes=1000000-1000009", Flip(1_000_000))
		require.NoError(t, err)
		require.Equal(t, whole[1_000_000]^1, body[0], "also in a range")

		resp, body, err = try("bytes=1000-", NoRange())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Empty(t, resp.Header.Get("Accept-Ranges"))
		require.True(t, bytes.Equal(whole, body))

		resp, _, _ = try("bytes=1000-2000", WrongTotal(5))
		require.Equal(t, fmt.Sprintf("bytes 1000-2000/%d", demoSize+5), resp.Header.Get("Content-Range"))
	})
}

func TestETag(t *testing.T) {
	h, f, whole := newFirmware(t, Config{Mode: Memory})
	rt := h.RoundTripper()
	defer rt.CloseIdleConnections()
	resume := func(etag string) (int, []byte) {
		resp := get(t, rt, f.URL(), http.Header{"Range": {"bytes=10-19"}, "If-Range": {etag}})
		defer closeBody(t, resp)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, body
	}
	resp, _, err := fetch(t, h, f.URL(), "")
	require.NoError(t, err)
	etag := resp.Header.Get("ETag")
	status, body := resume(etag)
	require.Equal(t, http.StatusPartialContent, status)
	require.Equal(t, whole[10:20], body)
	f.Inject(NewETag())
	status, body = resume(etag)
	require.Equal(t, http.StatusOK, status, "another file: all of it")
	require.Len(t, body, demoSize)
}

func TestRedirect(t *testing.T) {
	h, f, whole := newFirmware(t, Config{Mode: Memory})
	f.Inject(Redirect(3).Times(1))
	rt := h.RoundTripper()
	defer rt.CloseIdleConnections()
	hops := 0
	hc := &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { hops++; return nil },
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL(), nil)
	require.NoError(t, err)
	resp, err := hc.Do(req)
	require.NoError(t, err)
	defer closeBody(t, resp)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(whole, body))
	require.Equal(t, 3, hops)
	resp, _, _ = fetch(t, h, f.URL(), "")
	require.Equal(t, http.StatusOK, resp.StatusCode, "the second request is spared")
}

// Slowness costs virtual time only.
func TestSlowAndStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f, whole := newFirmware(t, Config{Mode: Memory})
		f.Inject(Slow(100_000))
		start := time.Now()
		_, body, err := fetch(t, h, f.URL(), "")
		require.NoError(t, err)
		require.True(t, bytes.Equal(whole, body))
		require.InDelta(t, demoSize/100_000.0, time.Since(start).Seconds(), 0.2)

		f.Heal()
		f.Inject(Stall(5000))
		rt := h.RoundTripper()
		defer rt.CloseIdleConnections()
		resp := get(t, rt, f.URL(), nil)
		got := make([]byte, 5000)
		_, err = io.ReadFull(resp.Body, got)
		require.NoError(t, err)
		require.Equal(t, whole[:5000], got)
		more := make(chan error, 1)
		go func() {
			_, err := resp.Body.Read(got)
			more <- err
		}()
		time.Sleep(24 * time.Hour)
		require.Empty(t, more, "silence")
		require.NoError(t, resp.Body.Close())
		require.Error(t, <-more)
		synctest.Wait()
		require.Equal(t, Request{Status: 200, Sent: 5000}, f.Requests()[1])
	})
}

func TestOffer(t *testing.T) {
	h, f, _ := newFirmware(t, Config{Mode: Memory})
	var p map[string]any
	require.NoError(t, json.Unmarshal(f.Offer(0), &p))
	require.Equal(t, map[string]any{
		"uuid": "u2", "product": "demo", "version": "1.1.0", "platform": "rpi4", "architecture": "arm",
		"author":      nil,
		"description": nil, "fwup_version": nil, "misc": nil, "vcs_identifier": nil,
	}, p["firmware_meta"])
	require.EqualValues(t, demoSize, p["size"])
	require.Equal(t, f.Checksum, p["checksum"])
	require.Equal(t, strings.ToUpper(f.Checksum), p["checksum"])
	require.Len(t, p["partials_checksums"], 3)
	require.Nil(t, p["deployment_id"])
	require.Equal(t, true, p["update_available"])
	_, body, err := fetch(t, h, p["firmware_url"].(string), "")
	require.NoError(t, err)
	require.Len(t, body, demoSize)

	_, old, _ := newFirmware(t, Config{Mode: Memory, Profile: ProfileOld})
	var q map[string]any
	require.NoError(t, json.Unmarshal(old.Offer(3), &q))
	require.Len(t, q, 4)
	require.EqualValues(t, 3, q["deployment_id"])
	_, err = h.Firmware().Add(demo, Generated(1, 1))
	require.ErrorContains(t, err, "already")
}

// Any part of a generated content can be read alone.
func TestGenerated(t *testing.T) {
	c := Generated(3, 1001)
	whole := make([]byte, 1001)
	_, err := c.ReadAt(whole, 0)
	require.NoError(t, err)
	for off := range 40 {
		for n := range 40 {
			part := make([]byte, n)
			got, err := c.ReadAt(part, int64(off))
			require.NoError(t, err)
			require.Equal(t, whole[off:off+got], part)
		}
	}
	tail := make([]byte, 10)
	n, err := c.ReadAt(tail, 995)
	require.Equal(t, 6, n)
	require.ErrorIs(t, err, io.EOF)
	other := make([]byte, 1001)
	_, _ = Generated(4, 1001).ReadAt(other, 0)
	require.NotEqual(t, whole, other)
}

// Devices get addresses with the advertised host, and the certificate is good for it.
func TestAdvertisedHost(t *testing.T) {
	h := Run(t, Config{Mode: TLS, Listen: "127.0.0.1:0", Reach: Reach{Advertise: "localhost"}})
	f, err := h.Firmware().Add(Metadata{UUID: "u"}, Generated(1, 10))
	require.NoError(t, err)
	for _, text := range []string{h.URL(), h.Firmware().URL(), f.URL()} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Equal(t, "localhost", u.Hostname())
	}
	cert, _, err := newServerCertificate(time.Now(), "127.0.0.1", "hub.lan")
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	require.NoError(t, err)
	require.NoError(t, leaf.VerifyHostname("hub.lan"))
	_, err = Start(Config{Reach: Reach{Advertise: "hub.lan:4001"}})
	require.ErrorContains(t, err, "without a port")
}
