-- What follows is needed where jobs take turns by key: it is made only when it is called.
local function by_key()
