-- What follows is needed where there are limits or keys: it is made only when it is called.
local function limited()
local now = time()
