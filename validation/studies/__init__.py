"""Studies of pores by full PNP against constant-field laws."""
