"""What `cnnxfer doctor` finds: what this machine has, what it lacks, what to do."""
