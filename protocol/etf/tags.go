package etf

const version = 131

// The tags of the external term format, by their names in the documentation of ERTS.
const (
	tagNewFloat      = 70
	tagBitBinary     = 77
	tagCompressed    = 80
	tagNewPid        = 88
	tagNewPort       = 89
	tagNewerRef      = 90
	tagSmallInt      = 97
	tagInt           = 98
	tagFloat         = 99
	tagAtom          = 100 // Latin-1
	tagReference     = 101
	tagPort          = 102
	tagPid           = 103
	tagSmallTuple    = 104
	tagLargeTuple    = 105
	tagNil           = 106
	tagString        = 107
	tagList          = 108
	tagBinary        = 109
	tagSmallBig      = 110
	tagLargeBig      = 111
	tagNewFun        = 112
	tagExport        = 113
	tagNewRef        = 114
	tagSmallAtom     = 115 // Latin-1
	tagMap           = 116
	tagAtomUTF8      = 118
	tagSmallAtomUTF8 = 119
	tagV4Port        = 120
)

const (
	maxAtomChars  = 255       // of OTP
	maxStringLen  = 1<<16 - 1 // STRING_EXT has two octets of length
	floatTextLen  = 31        // FLOAT_EXT: sprintf("%.20e"), filled up with zero octets
	maxRefWords   = 5         // of OTP 24 and newer
	deflateFactor = 1032      // deflate cannot shrink any input further than this
)
