//! The sources of the glasses, as data.

use glasslab_core::Citation;

macro_rules! citation {
    ($name:ident, $key:literal, $text:literal, $locator:literal) => {
        #[doc = concat!($text, " ", $locator)]
        pub const $name: Citation = Citation { key: $key, text: $text, locator: $locator };
    };
}

citation!(
    CRISANTI_SOMMERS,
    "crisanti1992",
    "A. Crisanti, H.-J. Sommers, The spherical p-spin interaction spin glass model: the statics, Z. Phys. B 87, 341 (1992)",
    "doi:10.1007/BF01309287"
);
citation!(
    CUGLIANDOLO_KURCHAN,
    "cugliandolo1993",
    "L. F. Cugliandolo, J. Kurchan, Analytical solution of the off-equilibrium dynamics of a long-range spin-glass model, Phys. Rev. Lett. 71, 173 (1993)",
    "doi:10.1103/PhysRevLett.71.173"
);
citation!(
    CUGLIANDOLO_DEAN,
    "cugliandolo1995",
    "L. F. Cugliandolo, D. S. Dean, Full dynamical solution for a spherical spin-glass model, J. Phys. A 28, 4213 (1995)",
    "doi:10.1088/0305-4470/28/15/003"
);
citation!(
    KOSTERLITZ_THOULESS_JONES,
    "kosterlitz1976",
    "J. M. Kosterlitz, D. J. Thouless, R. C. Jones, Spherical model of a spin-glass, Phys. Rev. Lett. 36, 1217 (1976)",
    "doi:10.1103/PhysRevLett.36.1217"
);
citation!(
    FOLENA_FRANZ_RICCI,
    "folena2020",
    "G. Folena, S. Franz, F. Ricci-Tersenghi, Rethinking mean-field glassy dynamics and its relation with the energy landscape: the surprising case of the spherical mixed p-spin model, Phys. Rev. X 10, 031045 (2020)",
    "doi:10.1103/PhysRevX.10.031045"
);
citation!(
    KRZAKALA_ZDEBOROVA,
    "krzakala2009",
    "F. Krzakala, L. Zdeborova, Hiding quiet solutions in random constraint satisfaction problems, Phys. Rev. Lett. 102, 238701 (2009)",
    "doi:10.1103/PhysRevLett.102.238701"
);
citation!(
    BOUCHAUD,
    "bouchaud1992",
    "J.-P. Bouchaud, Weak ergodicity breaking and aging in disordered systems, J. Phys. I France 2, 1705 (1992)",
    "doi:10.1051/jp1:1992238"
);
citation!(
    BOUCHAUD_DEAN,
    "bouchaud1995",
    "J.-P. Bouchaud, D. S. Dean, Aging on Parisi's tree, J. Phys. I France 5, 265 (1995)",
    "doi:10.1051/jp1:1995127"
);
citation!(
    UHLENBECK_ORNSTEIN,
    "uhlenbeck1930",
    "G. E. Uhlenbeck, L. S. Ornstein, On the theory of the Brownian motion, Phys. Rev. 36, 823 (1930)",
    "doi:10.1103/PhysRev.36.823"
);
citation!(
    EINSTEIN,
    "einstein1905",
    "A. Einstein, Über die von der molekularkinetischen Theorie der Wärme geforderte Bewegung von in ruhenden Flüssigkeiten suspendierten Teilchen, Ann. Phys. 322, 549 (1905)",
    "doi:10.1002/andp.19053220806"
);
citation!(
    KOB_ANDERSEN,
    "kob1995",
    "W. Kob, H. C. Andersen, Testing mode-coupling theory for a supercooled binary Lennard-Jones mixture: the van Hove correlation function, Phys. Rev. E 51, 4626 (1995)",
    "doi:10.1103/PhysRevE.51.4626"
);
citation!(
    KOB_BARRAT,
    "kob1997",
    "W. Kob, J.-L. Barrat, Aging effects in a Lennard-Jones glass, Phys. Rev. Lett. 78, 4581 (1997)",
    "doi:10.1103/PhysRevLett.78.4581"
);
citation!(
    SCHRODER_DUMBBELLS,
    "schroder2009",
    "T. B. Schrøder, U. R. Pedersen, N. P. Bailey, S. Toxvaerd, J. C. Dyre, Hidden scale invariance in molecular van der Waals liquids: a simulation study, Phys. Rev. E 80, 041502 (2009)",
    "doi:10.1103/PhysRevE.80.041502"
);
citation!(
    DURIAN,
    "durian1995",
    "D. J. Durian, Foam mechanics at the bubble scale, Phys. Rev. Lett. 75, 4780 (1995)",
    "doi:10.1103/PhysRevLett.75.4780"
);
citation!(
    OHERN,
    "ohern2003",
    "C. S. O'Hern, L. E. Silbert, A. J. Liu, S. R. Nagel, Jamming at zero temperature and zero applied stress: the epitome of disorder, Phys. Rev. E 68, 011306 (2003)",
    "doi:10.1103/PhysRevE.68.011306"
);
