/** Short words that sound different from each other: one for each byte. */
const WORDS = `
able acid acorn actor adapt agent album alley amber angle ankle apple april arena armor arrow
atlas attic audio aunt autumn award bacon badge baker balloon bamboo banana banjo basil basket beach
beard beaver bell berry bicycle bishop blanket blossom border bottle branch bread bridge broom bucket bugle
butter button cabin cactus camel candle canoe canyon carpet castle celery chalk cherry chess chimney cigar
circus clay clock cloud clover coach cobra cocoa coffee comet copper coral cotton cousin coyote cradle
crane crayon cricket crown crystal cube cushion dagger daisy dancer denim desert diamond dinner doctor dolphin
donkey dragon drum eagle earth echo elbow elephant elm ember engine envelope evening fabric falcon farmer
feather fence ferry fiddle finger fish flame flute forest fossil fountain fox galaxy garden garlic gate
ginger giraffe glacier globe glove goat gold grape gravel guitar hammer harbor harp hazel helmet heron
hill honey horizon horse hotel igloo indigo insect iron island ivory jacket jaguar jelly jewel jungle
kangaroo kettle kitchen kitten koala ladder lagoon lake lantern lemon leopard letter library lily lion lizard
lobster lotus magnet mango maple marble market meadow medal melon mirror monkey moon morning moth mountain
museum nectar needle nest noodle north nurse oasis oboe ocean olive onion opera orange orbit orchid
otter oven owl oyster paddle palace panda paper parrot peach pearl pebble pelican pencil penguin pepper
piano pigeon pillow pilot pine planet plum pocket poem polar pony potato prairie puzzle quartz quilt rabbit
radio rain raven ribbon river robin rocket saddle sailor salmon scarf shadow silver tiger turtle`
  .trim()
  .split(/\s+/);

/**
 * How many words a phrase has: 48 bits. Whoever sits in between must show one of the two a certificate
 * before the other one's is known, and cannot change it later (`DirectLink` does not let it). So the
 * last one has to fit a phrase that is fixed, while two people say hello; it cannot be sought in pairs.
 */
const LENGTH = 6;

/**
 * Words that stand for both ends' certificate fingerprints. Whoever sits in between has other
 * certificates, so the two people would read different words to each other.
 */
export async function phraseOf(fingerprints: readonly [string, string]): Promise<string[]> {
  const text = new TextEncoder().encode(fingerprints.join(" "));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return [...digest.slice(0, LENGTH)].map((byte) => WORDS[byte % WORDS.length] ?? "");
}

/** For tests: the list has a word for every byte, and none twice. */
export const words: readonly string[] = WORDS;
