-- What follows is needed where jobs with deduplication keys come together: it is made only when it is called.
local function together()
