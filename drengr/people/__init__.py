"""Questions about people and names, and what is answered: windows, weeks, funnels, cohorts (contract 8). Pure."""
