-- What follows is needed rarely: it is made only when it is called.
local function rarely()
