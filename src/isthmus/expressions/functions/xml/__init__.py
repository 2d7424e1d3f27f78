"""XML as objects and back (`functions.md` §8), in the two shapes of `xml-js`: compact and element tree."""
