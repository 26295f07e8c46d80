"""The one place where the library's names, shapes and units live: store arrays, table columns.

Columns end in their unit.
"""

from enum import StrEnum
from typing import Final


class Store(StrEnum):
    """Arrays of a store: F frames, A atoms in all frames together, G groups, M molecules."""

    POSITIONS = "positions"  # (A, 3) f4, Å
    FORCES = "forces"  # (A, 3) f4, eV/Å
    ATOMIC_NUMBERS = "atomic_numbers"  # (A,) u1
    FRAME_PTR = "frame_ptr"  # (F+1,) i8: atoms of frame f are frame_ptr[f]:frame_ptr[f+1]
    ENERGY = "energy"  # (F,) f8, eV, total
    BINDING_ENERGY = "binding_energy"  # (F,) f8, eV, energy minus isolated atoms
    MOLECULE = "molecule"  # (F,) i4, row of MOLECULE_SMILES
    GROUP = "group"  # (F,) i4, row of GROUP_SMILES
    SOURCE_INDEX = "source_index"  # (F,) i4, the source's own conformation number, -1 if unknown
    SUBSET = "subset"  # (F,) i2, row of SUBSET_NAMES
    CHARGE = "charge"  # (F,) i1, elementary charges
    MULTIPLICITY = "multiplicity"  # (F,) i1, 2S+1
    INTACT = "bonds_intact"  # (F,) u1, 1 where the geometry has exactly the bonds of the SMILES
    IONIC = "ionic"  # (F,) u1, 1 if charged, or with an element the theory has as ions only
    # only in stores that have periodic frames
    CELL = "cell"  # (F, 3, 3) f8, Å, vectors in rows; zero where not periodic
    PBC = "pbc"  # (F, 3) u1, 1 along periodic directions
    STRESS = "stress"  # (F, 3, 3) f4, eV/Å^3, positive under tension; NaN where the source has none
    # only in stores mixed from several
    PART = "part"  # (F,) i2, row of PART_NAMES
    PART_NAMES = "part_names"  # (P,) str, datasets the store is mixed from
    PART_SHARES = "part_shares"  # (P,) f8, share of each in every subset
    GROUP_SMILES = "group_smiles"  # (G,) str, mapped SMILES: map number k is row k-1; "" if unknown
    MOLECULE_SMILES = "molecule_smiles"  # (M,) str, canonical, without map numbers; else a formula
    # (M,) str, what a split keeps apart: flat SMILES joined by blanks, or a formula
    COMPONENTS = "components"
    SUBSET_NAMES = "subset_names"  # (S,) str


class Column(StrEnum):
    """Columns shared by the tables of several stages."""

    # every table
    RUN = "run"  # name of the run, <dataset>/n<n_train>/<model>/s<seed>, or given/<name>
    DATASET = "dataset"  # what the model was trained on
    N_TRAIN = "n_train"  # training frames
    MODEL = "model"  # model size, with its variant: micro+r35
    SEED = "seed"  # of the weights and of the order of batches
    # where a number was taken
    STRUCTURES = "structures"  # the set of structures: a test set, a test dataset, named-bonds
    SPLIT = "split"  # pool, validation, a test set, or unused
    FRAME = "frame"  # number of the frame in its store or file, from 0
    MOLECULE = "molecule"  # canonical SMILES, or a formula where no SMILES is known
    SMILES = "smiles"  # mapped SMILES: map number k is atom k - 1
    GEOMETRY = "geometry"  # where D was taken: relaxed, or thermal, a mean over frames
    IN_TRAINING = "in_training"  # whether the molecule is among those trained on
    STORE = "store"  # hash of the content of the store that frames were chosen from
    SPLITS = "splits"  # hash of the splits that frames were chosen by
    # decomposition
    I = "i"  # noqa: E741 - the centre atom, as in every equation
    J = "j"  # its neighbour
    S_X = "s_x"  # the periodic cell of j, in cell vectors; 0 in a molecule
    S_Y = "s_y"  # the same, second component
    S_Z = "s_z"  # the same, third component
    Z_I = "z_i"  # atomic number of i
    Z_J = "z_j"  # atomic number of j
    ELEMENTS = "elements"  # of a pair, in alphabetical order
    BOND_TYPE = "bond_type"  # elements and bond order: C-H, C=C, C:C; C~C without an order
    FINE_TYPE = "bond_type_fine"  # the same with hybridisation
    R = "r_ang"  # distance of the two atoms
    EPS_IJ = "eps_ij_eV"  # energy of the directed edge from the centre i
    EPS_JI = "eps_ji_eV"  # energy of its reverse
    BOND_ENERGY = "bond_energy_eV"  # D, the negative sum of both; positive for a bond
    BOND_ENERGY_SD = "bond_energy_sd_eV"  # standard deviation of D over frames
    ASYMMETRY = "asymmetry_eV"  # A, the difference of both
    INTACT = "bonds_intact"  # whether the frame has exactly the bonds of its SMILES
    R_BIN = "r_bin_ang"  # lower edge of a bin of distances
    BOND_ENERGY_BIN = "bond_energy_bin_eV"  # lower edge of a bin of D
    SUM_RULE = "sum_rule_max_abs_eV"  # largest violation of the sum rule over all frames
    # counts and statistics
    N = "n"  # bonds, or samples of one
    N_MOLECULES = "n_molecules"  # molecules, the groups of the jackknife
    N_FRAMES = "n_frames"  # frames
    FRAMES_LEFT_OUT = "frames_left_out"  # frames with elements that the model does not know
    LO = "lo"  # lower end of the 95 % interval of the column before it
    HI = "hi"  # its upper end
    COUNT = "count"  # pairs in a bin
    # errors of a run
    TEST_SET = "test_set"  # test-molecules, test-conformations or a test dataset
    GROUP_KIND = "group_kind"  # what is grouped: all, molecule or element
    GROUP = "group"  # which one
    N_PARAMETERS = "n_parameters"  # trainable weights
    ENERGY_MAE = "energy_mae_meV_per_atom"  # mean absolute error of energies per atom
    ENERGY_RMSE = "energy_rmse_meV_per_atom"  # root mean square of the same
    FORCE_MAE = "force_mae_meV_per_ang"  # mean absolute error of force components
    FORCE_RMSE = "force_rmse_meV_per_ang"  # root mean square of the same


TABLE_VERSION: Final = 2
"""Of what tables hold. Those of version 1 do not say their version, nor what they are made from."""

RUN_COLUMNS: Final = (Column.RUN, Column.DATASET, Column.N_TRAIN, Column.MODEL, Column.SEED)
"""The columns every table of a run starts with."""

METRICS: Final = (Column.ENERGY_MAE, Column.ENERGY_RMSE, Column.FORCE_MAE, Column.FORCE_RMSE)

GIVEN: Final = "given"
"""What the ids of runs of given models start with: ``given/spice2-medium``."""

TEST_MOLECULES: Final = "test-molecules"
TEST_IONIC: Final = "test-ionic"
"""Held-out frames of charged species, and of elements that the theory has as ions only."""
TEST_CONFORMATIONS: Final = "test-conformations"
POOL: Final = "pool"
VALIDATION: Final = "validation"
UNUSED: Final = "unused"
TEST_SPLITS: Final = (TEST_CONFORMATIONS, TEST_MOLECULES)
RELAXED, THERMAL = "relaxed", "thermal"
"""Geometry at which D was taken: the relaxed molecule, or a mean over frames at a temperature."""
NAMED_BONDS: Final = "named-bonds"
"""The relaxed molecules of the named bonds."""

BONDS_FILE: Final = "bonds.parquet"  # one row per bonded pair and frame
BONDS_CSV_FILE: Final = "bonds.csv"  # the same, where it is asked for
PAIRS_FILE: Final = "pairs.parquet"  # histograms of the other pairs
MEANS_FILE: Final = "bond_means.csv"  # one row per bond of each molecule
SUMMARY_FILE: Final = "summary.json"
DECOMPOSED_FILES: Final = (BONDS_FILE, PAIRS_FILE, MEANS_FILE, SUMMARY_FILE)
"""What a decomposition leaves in its folder."""
