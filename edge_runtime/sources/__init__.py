"""Where pictures come from, one file each: a folder now, cameras and streams as they come."""
