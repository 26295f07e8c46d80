# The entry users expect; the workflow itself is in workflow/. An included file cannot set the default target.
include: "workflow/Snakefile"


workflow.default_target = "all"
