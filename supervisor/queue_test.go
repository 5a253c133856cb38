package supervisor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestQueueIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []int
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "n") {
					v := len(model)*7 + 1
					q.push(v)
					model = append(model, v)
				}
			},
			"pop": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "n") {
					if len(model) == 0 {
						return
					}
					require.Equal(t, model[0], q.pop())
					model = model[1:]
				}
			},
			"drop": func(t *rapid.T) {
				odd := func(v any) bool { return v.(int)%2 == 1 }
				got, ok := q.dropFirst(odd)
				for i, v := range model {
					if odd(v) {
						require.True(t, ok)
						require.Equal(t, v, got)
						model = append(model[:i:i], model[i+1:]...)
						return
					}
				}
				require.False(t, ok)
			},
			"": func(t *rapid.T) {
				require.Len(t, model, int(q.n))
				require.LessOrEqual(t, len(q.buf), max(4*queueKeep, 8*len(model)), "memory follows what waits")
			},
		})
	})
}

func TestQueueShrinksAfterABurst(t *testing.T) {
	var q queue
	for i := range 10_000 {
		q.push(i)
	}
	for q.n > 1 {
		q.pop()
	}
	require.LessOrEqual(t, len(q.buf), 4*queueKeep, "with one message left")
	q.pop()
	require.LessOrEqual(t, len(q.buf), queueKeep, "empty")
}
