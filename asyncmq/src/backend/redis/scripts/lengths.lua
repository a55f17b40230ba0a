-- How long a text is, in two bytes, written once for each length.
local lengths = {}
local function length_of(text)
  lengths[#text] = lengths[#text] or pack('>I2', #text)
  return lengths[#text]
end
