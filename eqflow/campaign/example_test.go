package campaign_test

import (
	"errors"
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
)

// Four machines share 1000 samples. The last machine draws the last quarter.
func ExampleParseShard() {
	shard, err := campaign.ParseShard("3/4")
	if err != nil {
		fmt.Println(err)
		return
	}
	from, to := shard.Range(1000)
	fmt.Printf("shard %v: samples %d to %d\n", shard, from, to-1)

	_, err = campaign.ParseShard("4/4")
	fmt.Println("shard 4/4 does not exist:", errors.Is(err, campaign.ErrShards))
	// Output:
	// shard 3/4: samples 750 to 999
	// shard 4/4 does not exist: true
}
