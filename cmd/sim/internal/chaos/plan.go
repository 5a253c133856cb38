package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// Kill is one crash that is planned.
type Kill struct {
	Kind  Kind
	Spare int           // points inside Receive that are passed before the panic
	After time.Duration // since the kill before it on this device
}

// Plan is what happens to each device, in order.
type Plan [][]Kill

// Limits are the intensities of a device's supervisors, by their path below the device.
type Limits map[string]supervisor.Intensity

// What a plan may ask for.
const (
	maxSpare = 6
	minPause = 50 * time.Millisecond
	maxPause = 450 * time.Millisecond
	maxKills = 16 // of one device: more would not fit in the time
)

// DeviceLimits are the intensities of the supervisors of package actors, on a device with these
// extensions.
func DeviceLimits(extensions []string) Limits {
	limits := Limits{
		"":       {Max: 3, Within: time.Minute},
		"link":   {Max: 5, Within: 30 * time.Second},
		"update": {Max: 3, Within: time.Minute},
	}
	for _, name := range extensions {
		limits["extensions/"+name] = supervisor.Intensity{Max: 3, Within: 30 * time.Second}
	}
	return limits
}

// NewPlan spreads kills evenly over the kinds and, by the seed, over the devices, so that no
// supervisor gets more than it bears, however fast they come. It fails when that takes more
// devices, and says how many.
func NewPlan(seed uint64, what []Kind, kills, devices int, limits Limits) (Plan, error) {
	if err := feasible(what, kills, devices, limits); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a seed, so that a run can be repeated
	plan := make(Plan, devices)
	for _, deck := range decks(what, kills) {
		rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		turn := rng.Perm(devices)
		for i, kind := range deck {
			d := turn[i%devices]
			plan[d] = append(plan[d], Kill{Kind: kind})
		}
	}
	for _, list := range plan {
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for i := range list {
			list[i].Spare = rng.IntN(maxSpare)
			list[i].After = minPause + time.Duration(rng.Int64N(int64(maxPause-minPause)))
		}
	}
	return plan, nil
}

// feasible returns why a plan cannot be made, or nil.
func feasible(what []Kind, kills, devices int, limits Limits) error {
	if len(what) == 0 || kills < 1 || devices < 1 {
		return errors.New("plan kills: at least one kind, one kill and one device are needed")
	}
	if need := devicesFor(what, kills, limits); need > devices {
		return fmt.Errorf(
			"%d kills are too many for %d devices, whose supervisors would give up, as they must: "+
				"take at least %d devices", kills, devices, need)
	}
	return nil
}

// decks are the kills, one deck for each supervisor that counts them: dealt out in turn, no device
// gets more than its share.
func decks(what []Kind, kills int) [][]Kind {
	var order []string
	byName := map[string][]Kind{}
	for i, k := range what {
		n := kills / len(what)
		if i < kills%len(what) {
			n++
		}
		v := k.victim()
		name := v.counted
		if v.uncounted {
			name = "not counted: " + string(k)
		}
		if byName[name] == nil {
			order = append(order, name)
		}
		for range n {
			byName[name] = append(byName[name], k)
		}
	}
	out := make([][]Kind, 0, len(order))
	for _, name := range order {
		out = append(out, byName[name])
	}
	return out
}

// devicesFor is how many devices it takes for that many kills.
func devicesFor(what []Kind, kills int, limits Limits) int {
	need := (kills + maxKills - 1) / maxKills
	for _, deck := range decks(what, kills) {
		if len(deck) == 0 || deck[0].victim().uncounted {
			continue
		}
		each := max(1, limits[deck[0].victim().counted].Max)
		need = max(need, (len(deck)+each-1)/each)
	}
	return need
}
