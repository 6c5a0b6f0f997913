"""Studies in full PNP: pores against constant-field laws (`pore`), their access and time (`pore_limits`), and pairs of
synaptic pulses against the reduced law of a spine (`facilitation`); known bodies as surfaces (`known_surfaces`); and
amounts that reactions conserve (`conserved_totals`).
"""
